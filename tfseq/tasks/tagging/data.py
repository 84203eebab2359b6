"""The tagged sentences and texts of a run: loaded, and encoded into the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfseq.datasets import TaggedCorpus, TaggedStream, load_corpus
from tfseq.errors import UsageError
from tfseq.pipelines import (
    PreparedTags,
    SentenceEncoder,
    Vocabulary,
    cache_root,
    prepare_tagged_sentences,
    prepare_tagged_text,
)
from tfseq.tasks.task import Data
from tfseq.tasks.trained import Trained


def load_sentences(
    settings: Any, vocabularies: Mapping[str, Vocabulary] | None = None
) -> Data:
    """Returns the sentences that the settings name, each split as `EncodedSentences`.

    Args:
        settings: the settings of the run.
        vocabularies: those of the run to start from, in the place of new ones.

    Raises:
        UsageError: a setting, or the run to start from, does not fit the sentences.
        DataError: sentences are missing or damaged.
    """
    corpus = load_corpus(settings)
    if vocabularies:
        check_carried(corpus, vocabularies, settings)
    prepared = encode_sentence_corpus(corpus, settings, vocabularies)
    return _as_data(corpus, prepared, settings)


def check_carried(
    corpus: TaggedCorpus, vocabularies: Mapping[str, Vocabulary], settings: Any
) -> None:
    """Raises `UsageError` for tags or columns that the run to start from does not have."""
    where = f"`initialize_from`={settings.initialize_from}"
    tags = {
        tag
        for split in corpus.splits.values()
        for sentence in split.sentences
        for tag in sentence.tags
    }
    new = sorted(tags - set(vocabularies["tags"].tokens))
    if new:
        raise UsageError(
            f"{where}: found {', '.join(new[:3])} among the tags of the sentences, which "
            f"it does not have, expected its {len(vocabularies['tags'])} tags alone; train "
            "a new tagger"
        )
    columns = len(corpus.splits["train"].sentences[0].features)
    had = SentenceEncoder(vocabularies).num_features
    if columns != had:
        raise UsageError(
            f"{where}: found {had} further columns there, expected {columns} as in "
            "`feature_columns`; give as many"
        )


def load_text(settings: Any) -> Data:
    """Returns the tagged text that the settings name, each split as a `TokenFile`.

    Raises:
        UsageError: a setting does not fit the text.
        DataError: the text is missing or damaged.
    """
    stream = load_corpus(settings)
    return _as_data(stream, encode_stream(stream, settings), settings)


def sentences_of_run(trained: Trained, options: Any) -> tuple[TaggedCorpus, Data]:
    """Returns the run's own sentences, in its vocabularies.

    Raises:
        UsageError: the data have changed since the run, or have no such part.
        DataError: data are damaged.
    """
    settings = trained.settings_now(options.data_dir, options.cache_dir)
    corpus = load_corpus(settings)
    trained.check_data(corpus.fingerprint, options.split, corpus.splits)
    prepared = encode_sentence_corpus(corpus, settings, trained.vocabularies)
    return corpus, _as_data(corpus, prepared, settings)


def text_of_run(trained: Trained, options: Any) -> Data:
    """Returns the run's own tagged text, in its vocabularies.

    Raises:
        UsageError: the data have changed since the run, or have no such part.
        DataError: data are damaged.
    """
    settings = trained.settings_now(options.data_dir, options.cache_dir)
    stream = load_corpus(settings)
    trained.check_data(stream.fingerprint, options.split, stream.splits)
    prepared = encode_stream(stream, settings, trained.vocabularies)
    return _as_data(stream, prepared, settings)


def encode_sentence_corpus(
    corpus: TaggedCorpus,
    settings: Any,
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> PreparedTags:
    """Returns the sentences of a corpus as ids, from the cache if they are there."""
    return prepare_tagged_sentences(
        corpus.splits,
        corpus.fingerprint,
        settings.cache_dir,
        vocabularies=vocabularies,
        vocabulary_size=None if vocabularies else settings.vocabulary_size,
    )


def encode_stream(
    stream: TaggedStream,
    settings: Any,
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> PreparedTags:
    """Returns the texts of a stream as ids, from the cache if they are there."""
    return prepare_tagged_text(
        stream.splits,
        stream.fingerprint,
        stream.tags,
        settings.cache_dir,
        vocabularies=vocabularies,
    )


def _as_data(
    corpus: TaggedCorpus | TaggedStream, prepared: PreparedTags, settings: Any
) -> Data:
    return Data(
        corpus.fingerprint,
        prepared.vocabularies,
        prepared.splits,
        origin=str(cache_root(settings.cache_dir)),
    )
