"""The settings of tagging sentences and texts, and the options of their uses."""

import dataclasses
from typing import Any

from tfseq.configuration import (
    DATASETS,
    check_residual_directions,
    check_single_rows,
)
from tfseq.configuration.option import check_options, option
from tfseq.errors import UsageError
from tfseq.tasks.lane_settings import LaneSettings, check_lanes


@dataclasses.dataclass(frozen=True)
class SentenceTaggingSettings:
    """The settings of a run that only taggers of sentences have."""

    token_column: int = option(
        0,
        "Column of the words in a file of columns, from 0.",
        lower=-999,
        upper=999,
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    tag_column: int = option(
        -1,
        "Column of the tags; negative numbers count from the last.",
        lower=-999,
        upper=999,
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    feature_columns: str | None = option(
        None,
        "Further columns that the model reads, such as parts of speech: numbers with "
        "commas between them.",
        fixed=True,
        needs=[{"dataset": DATASETS}],
    )
    bidirectional: bool = option(
        False, "Read texts from both ends, with layers for each.", fixed=True
    )
    tag_layer: str = option(
        "softmax",
        "What chooses the tags: softmax (each tag by itself) or crf (a conditional random "
        "field, which weighs neighbouring tags).",
        choices=("softmax", "crf"),
        fixed=True,
    )
    letter_units: int = option(
        0,
        "Units of the cells that read the letters of a word from both ends; 0: letters "
        "are not read.",
        lower=0,
        upper=65536,
        fixed=True,
    )
    letter_embedding_size: int = option(
        25,
        "Width of the embedding of letters.",
        lower=1,
        upper=65536,
        fixed=True,
        needs=["letter_units"],
    )
    feature_embedding_size: int = option(
        20,
        "Width of the embedding of each of the further columns.",
        lower=1,
        upper=65536,
        fixed=True,
    )
    unknown_weight: float = option(
        0.25,
        "In training a word that occurs N times is replaced by <unk> with probability w / "
        "(w + N), so that the model learns to read unknown words; 0: never.",
        lower=0.0,
        upper=1e6,
        fixed=True,
    )

    @staticmethod
    def check_task(settings: Any) -> None:
        """Raises `UsageError` for settings that do not fit a tagger of sentences."""
        check_level(settings, "word")
        if not settings.embedding_size:
            raise UsageError(
                "`embedding_size`=0: found with words, which are too many for one-hot "
                "vectors, expected an embedding; give `embedding_size`=100"
            )
        check_residual_directions(settings)
        check_single_rows(settings, "lazy_rows")


@dataclasses.dataclass(frozen=True)
class TextTaggingSettings(LaneSettings):
    """The settings of a run that only taggers of texts have."""

    lookahead: int = option(
        10,
        "Characters that are read after one before its tag is told.",
        lower=0,
        upper=4096,
        fixed=True,
    )

    @staticmethod
    def check_task(settings: Any) -> None:
        """Raises `UsageError` for settings that do not fit a tagger of texts."""
        check_level(settings, "character")
        check_lanes(settings)


def check_level(settings: Any, level: str) -> None:
    """Raises `UsageError` for a level that the data do not have.

    Args:
        settings: the settings of the run.
        level: the level of the data.
    """
    if settings.level != level:
        raise UsageError(
            f"`level`={settings.level}: found with `dataset`={settings.dataset}, whose "
            f"tokens are {level}s; leave it out"
        )


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """The options of scoring sentences, or the lines of a text."""

    split: str = option(
        "test", "Part of the run's own data.", choices=("valid", "test")
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
class EvaluateOptions(ScoreOptions):
    """The options of an evaluation of a tagger of sentences."""


@dataclasses.dataclass(frozen=True)
class EvaluateTextOptions(ScoreOptions):
    """The options of an evaluation of a tagger of texts."""

    reset_state: bool = option(
        False,
        "Start each `num_unrollings` characters from state zero, as if nothing stood "
        "before them.",
    )


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """The options of predicting the tags of sentences."""

    words: bool = option(
        False,
        "Texts are split already, with spaces between words. Each word has the values of "
        "its further columns behind it, such as In_IN.",
    )

    def __post_init__(self) -> None:
        """Converts and checks the values."""
        check_options(self)


@dataclasses.dataclass(frozen=True)
class PredictTextOptions:
    """The options of predicting the tags of texts."""

    one_text: bool = option(
        False, "The texts given are the parts of one: the state is carried over."
    )

    def __post_init__(self) -> None:
        """Converts and checks the values."""
        check_options(self)


SENTENCE_USES = {
    "evaluate": EvaluateOptions,
    "predict": PredictOptions,
    "score": ScoreOptions,
}
TEXT_USES = {
    "evaluate": EvaluateTextOptions,
    "predict": PredictTextOptions,
    "score": ScoreOptions,
}
