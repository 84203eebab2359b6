"""The settings of language modelling, and the options of its uses."""

import dataclasses
from typing import Any

from tfseq.configuration import check_tied_rows, projects_outputs
from tfseq.configuration.option import check_options, is_whole_number, option
from tfseq.errors import UsageError
from tfseq.tasks.lane_settings import LaneSettings, check_lanes


@dataclasses.dataclass(frozen=True)
class LanguageModelingSettings(LaneSettings):
    """The settings of a run that only language models have."""

    tie_embeddings: bool = option(
        False,
        "Use the embedding as the softmax's weights too; the last layer then has "
        "`embedding_size` units, or that `projection_size`.",
        fixed=True,
        needs=["embedding_size"],
    )
    extend_vocabulary: bool = option(
        False,
        "Add those characters or words of the training text that the vocabulary of "
        "`initialize_from` lacks, behind its own, the most frequent ones first, and up to "
        "`vocabulary_size` in all. Their rows of embedding and softmax start as those of a "
        "new model. By default they are <unk>.",
        fixed=True,
        needs=["initialize_from"],
    )
    softmax_cutoffs: str | None = option(
        None,
        "Adaptive softmax: the ranks at which clusters of rarer words begin, such as "
        "1000,3000; by default all words stand in one softmax.",
        fixed=True,
    )
    activation_regularization: float = option(
        0.0,
        "Weight in the loss of the mean square of the last layer's outputs, after dropout.",
        lower=0.0,
        upper=1e9,
        fixed=True,
    )
    temporal_activation_regularization: float = option(
        0.0,
        "Weight in the loss of the mean square by which the last layer's outputs change from "
        "one time step to the next.",
        lower=0.0,
        upper=1e9,
        fixed=True,
    )

    @staticmethod
    def check_task(settings: Any) -> None:
        """Raises `UsageError` for settings that do not fit a language model."""
        check_lanes(settings)
        parse_cutoffs(settings.softmax_cutoffs)
        if settings.extend_vocabulary and settings.level == "subword":
            raise UsageError(
                "`extend_vocabulary`: found with `level`=subword, whose pieces make up "
                "other words as well, expected characters or words; leave it out"
            )
        if settings.ngram_features == 1:
            raise UsageError(
                "`ngram_features`=1: found for texts, whose single tokens the layers read, "
                "expected 2 or more, or 0; give `ngram_features`=2"
            )
        if settings.softmax_cutoffs and settings.ngram_features:
            raise UsageError(
                f"`softmax_cutoffs`={settings.softmax_cutoffs}: found with "
                "`ngram_features`, expected one of them; leave one out"
            )
        if settings.tie_embeddings and projects_outputs(settings):
            if settings.projection_size != settings.embedding_size:
                raise UsageError(
                    f"`projection_size`={settings.projection_size}: found with "
                    "`tie_embeddings`, where outputs are as wide as the embedding; give "
                    f"`projection_size`={settings.embedding_size}"
                )
        elif (
            settings.tie_embeddings
            and settings.num_layers == 1
            and settings.units != settings.embedding_size
        ):
            raise UsageError(
                f"`units`={settings.units}: found with `tie_embeddings` and one layer, "
                "which is as wide as the embedding; give "
                f"`units`={settings.embedding_size}"
            )
        check_tied_rows(settings)


def parse_cutoffs(text: str | None) -> tuple[int, ...]:
    """Returns the numbers in `softmax_cutoffs`; none for an empty text.

    Raises:
        UsageError: it holds something else.
    """
    parts = text.split(",") if text else []
    if not all(is_whole_number(part.strip()) for part in parts):
        raise UsageError(
            f"`softmax_cutoffs`={text}: expected whole numbers with commas between them, "
            "such as 1000,3000"
        )
    return tuple(int(part) for part in parts)


@dataclasses.dataclass(frozen=True)
class TextSource:
    """The text that a trained language model is evaluated on, or whose lines it scores."""

    split: str = option(
        "test",
        "Part of the run's own data.",
        choices=("valid", "test"),
        without=("text_file",),
    )
    text_file: str | None = option(
        None,
        "Text file (UTF-8) to evaluate on instead of a part of the data.",
        advice="use the predict command",
        path="files",
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


@dataclasses.dataclass(frozen=True)
class ScoreOptions(TextSource):
    """The options of scoring lines."""

    def __post_init__(self) -> None:
        """Converts and checks the values."""
        check_options(self)


@dataclasses.dataclass(frozen=True)
class EvaluateOptions(TextSource):
    """The options of an evaluation: the text, and how the model adapts to it.

    A neural cache (`cache_…`), dynamic evaluation (`dynamic_…`) and a temperature, each by
    itself or together with the others; by default none. What a search finds is kept in
    the run folder for the next time.

    Raises:
        UsageError: a value is out of its range, or two options contradict each other.
    """

    cache_size: int = option(
        0,
        "Positions that a neural cache holds, in tokens; 0 for no cache.",
        lower=0,
        upper=1_000_000,  # Of hidden values of 1,000 units that is 4 GB.
    )
    cache_theta: float = option(
        0.3,
        "How sharply the cache prefers similar hidden values.",
        lower=0.0,
        upper=1e6,  # So that products with hidden values are finite.
        needs=["cache_size"],
        without=("cache_search",),
    )
    cache_lambda: float = option(
        0.1,
        "Share of the cache in the probabilities.",
        lower=0.0,
        upper=1.0,
        needs=["cache_size"],
        without=("cache_search",),
    )
    cache_search: bool = option(
        False,
        "Choose `cache_theta` and `cache_lambda` by the validation text first.",
        needs=["cache_size"],
    )
    dynamic_learning_rate: float = option(
        0.0,
        "Learning rate of dynamic evaluation, in which the weights adapt to the text that "
        "is read, each scaled by the size of its gradients over the training text; 0 for "
        "none. Good values lie around 0.0005.",
        lower=0.0,
        without=("dynamic_search",),
    )
    dynamic_decay: float = option(
        0.01,
        "Share by which the weights come back to the trained ones at each step of dynamic "
        "evaluation, on average.",
        lower=0.0,
        upper=1.0,
        needs=["dynamic_learning_rate"],
        without=("dynamic_search",),
    )
    dynamic_unrollings: int = option(
        20,
        "Tokens between two steps of dynamic evaluation.",
        lower=1,
        upper=8192,
        needs=[("dynamic_learning_rate", "dynamic_search")],
    )
    dynamic_search: bool = option(
        False,
        "Choose `dynamic_learning_rate` and `dynamic_decay` by the validation text first.",
    )
    temperature: float = option(
        1.0,
        "Divisor of the logits: below 1 probable tokens become more probable.",
        lower=1e-3,
        upper=1e3,
        without=("temperature_search",),
    )
    temperature_search: bool = option(
        False, "Choose `temperature` by the validation text first."
    )

    def __post_init__(self) -> None:
        """Converts and checks the values."""
        check_options(self)


@dataclasses.dataclass(frozen=True)
class SampleOptions:
    """The options of writing texts.

    Raises:
        UsageError: a value is out of its range, or two options contradict each other.
    """

    prompt: str = option(
        "",
        "Text to go on from; by default a line's beginning. What the model does not know is "
        "read as <unk>, or left out where there is none.",
    )
    length: int = option(500, "Tokens to write.", lower=1, upper=10_000_000)
    num_samples: int = option(
        1,
        "Texts to write.",
        lower=1,
        upper=100_000,
        without=("beam_width",),
    )
    temperature: float = option(
        1.0,
        "Divisor of the logits: below 1 probable tokens become more probable.",
        lower=1e-3,
        upper=1e3,
        without=("beam_width", "greedy"),
    )
    top_k: int = option(
        0,
        "Only the k most probable tokens; 0: all.",
        lower=0,
        without=("beam_width", "greedy"),
    )
    top_p: float = option(
        1.0,
        "Only the most probable tokens that reach this probability.",
        lower=1e-6,
        upper=1.0,
        without=("beam_width", "greedy"),
    )
    greedy: bool = option(
        False,
        "Always take the most probable token.",
        without=("beam_width",),
    )
    seed: int = option(
        0,
        "Seed of the choice.",
        lower=0,
        upper=2**31 - 1,
        without=("beam_width", "greedy"),
    )
    stop_at: str | None = option(
        None,
        "End a text where this occurs in it.",
        without=("beam_width",),
    )
    beam_width: int = option(
        0,
        "Number of beginnings that a search for the most probable continuations keeps; 0: "
        "sample instead.",
        lower=0,
        upper=10_000,
    )

    def __post_init__(self) -> None:
        """Converts and checks the values."""
        check_options(self)


USES = {
    "evaluate": EvaluateOptions,
    "sample": SampleOptions,
    "score": ScoreOptions,
}
