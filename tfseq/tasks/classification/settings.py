"""The settings of classification, and the options of its uses."""

import dataclasses
from typing import Any

from tfseq.configuration import check_single_rows
from tfseq.configuration.option import check_options, option
from tfseq.errors import UsageError


@dataclasses.dataclass(frozen=True)
class ClassificationSettings:
    """The settings of a run that only classifiers have."""

    max_length: int = option(
        400,
        "Most tokens of a text. Of a longer text a classifier reads the last tokens; pairs "
        "with a longer source or target are left out, and counted.",
        lower=1,
        upper=65536,
        fixed=True,
    )
    padding: str = option(
        "right",
        "Padding of shorter texts: right (a batch holds texts of similar length, and the "
        "padding is never read) or left (all texts have `max_length` tokens, and <pad> "
        "before them is read as text).",
        choices=("right", "left"),
        fixed=True,
    )
    bidirectional: bool = option(
        False, "Read texts from both ends, with layers for each.", fixed=True
    )
    initialize_backward_from: str | None = option(
        None,
        "Folder of a language model of reversed texts, such as one of "
        "`dataset`=imdb_text_backward, whose best weights the layers that read backwards "
        "start with. They then have an embedding of their own, which starts with its. Its "
        "layers and its vocabulary must be those of `initialize_from`; it has that "
        "vocabulary if it was trained with the same `initialize_from`.",
        fixed=True,
        path=True,
        needs=["initialize_from", "bidirectional"],
    )
    pooling: str = option(
        "last",
        "Outputs of a text that are classified: the last one, or mean and maximum of all.",
        choices=("last", "mean_max"),
        fixed=True,
    )
    class_weight: str = option(
        "none",
        "Weights of the training texts: none (each counts 1) or balanced (each counts "
        "texts / (classes * texts of its class), so that all classes count the same).",
        choices=("none", "balanced"),
        fixed=True,
    )
    adversarial_norm: float = option(
        0.0,
        "Adversarial training (Miyato et al. 2017): each text is learned twice, the second "
        "time with its embeddings moved so that the label gets less probable. This is the "
        "length of the move, in root mean squares of the text's embeddings, about 5. 0: no "
        "such training.",
        lower=0,
        upper=1000,
        fixed=True,
        needs=["embedding_size"],
    )

    @staticmethod
    def check_task(settings: Any) -> None:
        """Raises `UsageError` for settings that do not fit a classifier."""
        if settings.initialize_from and settings.level == "character":
            raise UsageError(
                f"`level`={settings.level}: found with `initialize_from`, expected words "
                "or sub-words, the tokens of the language model; leave one out"
            )
        check_single_rows(settings, "lazy_rows", "ngram_features")
        if settings.initialize_from and settings.padding == "left":
            raise UsageError(
                f"`initialize_from`={settings.initialize_from}: found with `padding`=left, "
                "which the language model never read; leave one out"
            )


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """The options of an evaluation.

    Raises:
        UsageError: a value is out of its range.
    """

    split: str = option(
        "test", "Part of the run's own data.", choices=("valid", "test")
    )
    data_dir: str | None = option(
        None,
        "Folder with data sets; by default the run's own.",
        path=True,
    )
    cache_dir: str | None = option(
        None,
        "Folder for encoded texts; by default the run's own.",
        path=True,
    )

    def __post_init__(self) -> None:
        """Converts and checks the values."""
        check_options(self)


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """The options of predicting: none."""


USES = {"evaluate": EvaluateOptions, "predict": PredictOptions}
