"""The settings of transduction, and the options of its uses."""

import dataclasses
from typing import Any

from tfseq.configuration import (
    DATASETS,
    check_residual_directions,
    check_single_rows,
    check_tied_rows,
)
from tfseq.configuration.option import check_options, option
from tfseq.errors import UsageError

LEVELS = ("character", "word", "subword")


@dataclasses.dataclass(frozen=True)
class TransductionSettings:
    """The settings of a run that only transducers have."""

    target_level: str | None = option(
        None,
        "Kind of token of the targets; by default words for cmudict, otherwise `level`.",
        choices=LEVELS,
        fixed=True,
    )
    shared_vocabulary: bool = option(
        False, "Sources and targets have one vocabulary, made from both.", fixed=True
    )
    max_length: int = option(
        400,
        "Most tokens of a text. Of a longer text a classifier reads the last tokens; pairs "
        "with a longer source or target are left out, and counted.",
        lower=1,
        upper=65536,
        fixed=True,
    )
    batch_tokens: int = option(
        0,
        "Tokens in a batch of pairs of similar length, counted on the longer side with the "
        "padding; 0: every batch has `batch_size` pairs. A step minimises the sum of the "
        "losses of all tokens divided by this number, or by `batch_size`.",
        lower=0,
        upper=1 << 24,
        fixed=True,
    )
    bidirectional: bool = option(
        False, "Read texts from both ends, with layers for each.", fixed=True
    )
    reverse_source: bool = option(
        False,
        "Read sources from their end, so that the first tokens of source and target are "
        "close to each other.",
        fixed=True,
        without=("bidirectional",),
    )
    attention: str = option(
        "general",
        "How well a token of the source fits a state of the decoder: dot (their product), "
        "general (with a matrix between them), additive (a layer of their sum), or none (the "
        "decoder knows the last state of the encoder alone).",
        choices=("none", "dot", "general", "additive"),
        fixed=True,
    )
    input_feeding: bool = option(
        False,
        "The decoder reads the attended vector of the step before beside each token.",
        fixed=True,
        needs=[{"attention": ("dot", "general", "additive")}],
    )
    tie_embeddings: bool = option(
        False,
        "Use the embedding as the softmax's weights too; the last layer then has "
        "`embedding_size` units.",
        fixed=True,
        needs=["embedding_size"],
    )
    share_embeddings: bool = option(
        False,
        "Sources and targets, which have one vocabulary, have one embedding too; with "
        "`tie_embeddings` it is also the softmax's weights.",
        fixed=True,
        needs=["embedding_size", "shared_vocabulary"],
    )
    label_smoothing: float = option(
        0.0,
        "Share of each target's probability that training spreads evenly over the "
        "vocabulary. Reported losses are without it.",
        lower=0.0,
        upper=0.99,
        fixed=True,
    )

    @staticmethod
    def check_task(settings: Any) -> None:
        """Raises `UsageError` for settings that do not fit a transducer."""
        target = target_level(settings)
        coarse = [level for level in (settings.level, target) if level != "character"]
        if coarse and not settings.embedding_size:
            raise UsageError(
                f"`embedding_size`=0: found with {coarse[0]}s, which are too many for "
                "one-hot vectors, expected an embedding; give `embedding_size`=256"
            )
        learns = target == "subword" and not settings.initialize_from
        if learns and settings.vocabulary_size is None:
            raise UsageError(
                "`target_level`=subword: found no `vocabulary_size`, expected the number of "
                "pieces to learn; give `vocabulary_size`=8000"
            )
        if settings.shared_vocabulary and settings.level != target:
            raise UsageError(
                f"`shared_vocabulary`: found with `level`={settings.level} and "
                f"`target_level`={target}, expected one level for both; leave one of them "
                "out"
            )
        if settings.monitor == "bleu" and target == "character":
            raise UsageError(
                "`monitor`=bleu: found for targets of characters, expected loss or "
                "accuracy; choose one"
            )
        if settings.attention == "dot" and settings.bidirectional:
            raise UsageError(
                "`attention`=dot: found with `bidirectional`, whose outputs are twice as "
                "wide as those of the decoder, expected another; give `attention`=general"
            )
        check_residual_directions(settings)
        check_tied_rows(settings)
        check_single_rows(settings, "lazy_rows")


def target_level(settings: Any) -> str:
    """Returns the level of the targets: as given, of the data set, or of the sources."""
    row = DATASETS.row(settings.dataset)
    return settings.target_level or row.target_level or settings.level


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """The options of scoring the pairs of a part of the run's data."""

    split: str = option(
        "test",
        "Part of the run's own data; mirror has long as well, of longer sentences.",
        choices=("valid", "test", "long"),
    )
    data_dir: str | None = option(
        None, "Folder with data sets; by default the run's own.", path=True
    )
    cache_dir: str | None = option(
        None, "Folder for encoded texts; by default the run's own.", path=True
    )

    def __post_init__(self) -> None:
        """Converts and checks the values."""
        check_options(self)


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """The options of a search for the most probable targets."""

    beam_width: int = option(
        1,
        "Number of beginnings of each target that a search keeps; 1: the most probable "
        "token is written each time.",
        lower=1,
        upper=1000,
    )
    length_penalty: float = option(
        0.6,
        "Exponent by which beam search divides the logarithms of probabilities by lengths, "
        "((5 + length) / 6) ** exponent; 0: short targets are preferred.",
        lower=0.0,
        upper=10.0,
        needs=["beam_width"],
    )


@dataclasses.dataclass(frozen=True)
class EvaluateOptions(SearchOptions, ScoreOptions):
    """The options of an evaluation of a transducer."""

    bleu_tokenizer: str = option(
        "none",
        "How texts are cut for BLEU, as sacrebleu calls it: none (at white space, for texts "
        "that are cut already), 13a (as for WMT), intl or char.",
        choices=("none", "13a", "intl", "char"),
    )


@dataclasses.dataclass(frozen=True)
class PredictOptions(SearchOptions):
    """The options of predicting targets."""

    n_best: int = option(
        1,
        "Number of targets of each text, the best first; `beam_width` or fewer.",
        lower=1,
        upper=1000,
        needs=["beam_width"],
    )
    replace_unknown: bool = option(
        False,
        "Write the word of the text that is most attended to in the place of <unk>.",
    )
    attention_image: str | None = option(
        None,
        "Image file (.png) to write: how much each token of the first text is attended to "
        "by each token of its target.",
        path=True,
    )

    def __post_init__(self) -> None:
        """Converts and checks the values."""
        check_options(self)
        if self.n_best > self.beam_width:
            raise UsageError(
                f"`n_best`={self.n_best}: found with `beam_width`={self.beam_width}, "
                "expected at least as many; raise `beam_width`"
            )


USES = {
    "evaluate": EvaluateOptions,
    "predict": PredictOptions,
    "score": ScoreOptions,
}
