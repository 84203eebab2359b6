"""Settings that do not go together."""

from typing import Any

from tfseq.errors import UsageError


def check_conflicts(settings: Any) -> None:
    """Raises `UsageError` for settings that conflict."""
    if settings.num_steps is not None and settings.num_epochs is not None:
        raise UsageError(
            f"--num_steps={settings.num_steps} and --num_epochs={settings.num_epochs}: "
            "expected one of them; leave one out"
        )
    if settings.dataset == "text" and not settings.train_file:
        raise UsageError(
            "--train_file: found none, expected a text file with --dataset=text; "
            "give --train_file=FILE"
        )
    if settings.dataset != "text":
        for name in ("train_file", "valid_file", "test_file"):
            if getattr(settings, name):
                raise UsageError(
                    f"--{name}={getattr(settings, name)}: found with --dataset="
                    f"{settings.dataset}, expected only with --dataset=text; add "
                    "--dataset=text or leave it out"
                )
        if settings.skip_characters:
            raise UsageError(
                f"--skip_characters={settings.skip_characters}: found with --dataset="
                f"{settings.dataset}, expected only with --dataset=text; leave it out"
            )
    if settings.vocabulary_size is not None and settings.level != "word":
        raise UsageError(
            f"--vocabulary_size={settings.vocabulary_size}: found with --level="
            f"{settings.level}, expected only with --level=word; leave it out"
        )
    reviews = settings.classifies_reviews
    if reviews and settings.level != "word":
        raise UsageError(
            f"--level={settings.level}: found with --dataset={settings.dataset}, whose "
            "tokens are words; leave it out"
        )
    if settings.num_devices and settings.strategy != "mirrored":
        raise UsageError(
            f"--num_devices={settings.num_devices}: found with --strategy="
            f"{settings.strategy}, expected only with --strategy=mirrored; add that or "
            "leave it out"
        )
    if settings.warmup_steps and settings.schedule in ("exponential", "per_epoch"):
        raise UsageError(
            f"--warmup_steps={settings.warmup_steps}: found with --schedule="
            f"{settings.schedule}, expected constant, plateau or cosine; leave one out"
        )
    for name, datasets in (
        ("valid_size", ("ptb",)),
        ("test_size", ("ptb", "imdb", "imdb_text", "toy_reviews")),
    ):
        if getattr(settings, name) is not None and settings.dataset in datasets:
            raise UsageError(
                f"--{name}={getattr(settings, name)}: found with --dataset="
                f"{settings.dataset}, whose parts are given; leave it out"
            )
    for name, allowed in (
        ("bidirectional", reviews),
        ("initialize_from", reviews),
        ("tie_embeddings", not reviews),
        ("softmax_cutoffs", not reviews),
        ("activation_regularization", not reviews),
        ("temporal_activation_regularization", not reviews),
    ):
        if getattr(settings, name) and not allowed:
            raise UsageError(
                f"--{name}: found with --dataset={settings.dataset}, expected only for "
                f"{'texts' if reviews else 'reviews'}; leave it out"
            )
    if settings.ngram_features == 1 and not reviews:
        raise UsageError(
            "--ngram_features=1: found for texts, whose single tokens the layers read, "
            "expected 2 or more, or 0; give --ngram_features=2"
        )
    if settings.monitor == "accuracy" and not reviews:
        raise UsageError(
            f"--monitor=accuracy: found with --dataset={settings.dataset}, expected only "
            "for reviews; leave it out"
        )
    if settings.tie_embeddings and not settings.embedding_size:
        raise UsageError(
            "--tie_embeddings: found --embedding_size=0, expected an embedding; give "
            "--embedding_size=N"
        )
    if settings.softmax_cutoffs and settings.ngram_features:
        raise UsageError(
            f"--softmax_cutoffs={settings.softmax_cutoffs}: found with --ngram_features, "
            "expected one of them; leave one out"
        )
    for name in ("lazy_rows", "ngram_features"):
        if getattr(settings, name) and reviews and settings.strategy == "multi_worker":
            raise UsageError(
                f"--{name}: found with --strategy=multi_worker, where batches by "
                "length cannot exchange single rows; leave one of them out"
            )
    if (
        settings.tie_embeddings
        and settings.num_layers == 1
        and settings.units != settings.embedding_size
    ):
        raise UsageError(
            f"--units={settings.units}: found with --tie_embeddings and one layer, which "
            f"is as wide as the embedding; give --units={settings.embedding_size}"
        )
    if settings.lazy_rows and (settings.optimizer != "adam" or settings.tie_embeddings):
        other = "--tie_embeddings" if settings.tie_embeddings else "--optimizer"
        raise UsageError(
            f"--lazy_rows: found with {other}={getattr(settings, other[2:])}, expected "
            "--optimizer=adam and embeddings that are not tied; leave one out"
        )
    if settings.initialize_from and settings.padding == "left":
        raise UsageError(
            f"--initialize_from={settings.initialize_from}: found with --padding=left, "
            "which the language model never read; leave one out"
        )
    if settings.initialize_from and settings.vocabulary_size is not None:
        raise UsageError(
            f"--vocabulary_size={settings.vocabulary_size}: found with --initialize_from, "
            "whose vocabulary is taken; leave it out"
        )
    if settings.hash_rows and settings.ngram < 2:
        raise UsageError(
            f"--hash_rows={settings.hash_rows}: found --ngram=1, expected 2 or more; give "
            "--ngram=2"
        )
    if settings.schedule == "per_epoch" and settings.num_epochs is None:
        raise UsageError(
            "--schedule=per_epoch: found no --num_epochs, expected a run counted in "
            "epochs; give --num_epochs=N"
        )
