"""The table of tasks, readable without loading TensorFlow."""

import dataclasses
from typing import Any

from tfseq.configuration import DATASETS, Row, Table, load_target
from tfseq.errors import UsageError

# kind: the kind of data that the task reads. noun, data: its model and its data, in
# messages. group: the settings that only this task has. unused: shared settings that have
# no effect on it. monitors: the figures that `monitor` may name. uses: the options of each
# use of a trained model.
TASKS = Table(
    "task",
    kind="text",
    noun="a model",
    data="data",
    group=None,
    unused=(),
    monitors=("loss",),
    uses={},
)
TASKS.add(
    "language_modeling",
    "tfseq.tasks.language_modeling.task:LanguageModeling",
    "the next character, word or sub-word of a text",
    kind="text",
    noun="a language model",
    data="texts",
    group="tfseq.tasks.language_modeling.settings:LanguageModelingSettings",
    unused=("monitor",),
    uses="tfseq.tasks.language_modeling.settings:USES",
)
TASKS.add(
    "classification",
    "tfseq.tasks.classification.task:Classification",
    "the label of a text",
    kind="labelled",
    noun="a classifier of texts",
    data="labelled texts",
    group="tfseq.tasks.classification.settings:ClassificationSettings",
    unused=("loss_scale_over_time", "sample_every"),
    monitors=("loss", "accuracy"),
    uses="tfseq.tasks.classification.settings:USES",
)
TASKS.add(
    "tagging",
    "tfseq.tasks.tagging.task:SentenceTagging",
    "the tag of each word of a sentence",
    kind="tagged",
    noun="a tagger of sentences",
    data="tagged sentences",
    group="tfseq.tasks.tagging.settings:SentenceTaggingSettings",
    unused=("loss_scale_over_time", "ngram_features", "sample_every"),
    monitors=("loss", "accuracy", "f1"),
    uses="tfseq.tasks.tagging.settings:SENTENCE_USES",
)
TASKS.add(
    "text_tagging",
    "tfseq.tasks.tagging.text_task:TextTagging",
    "the tag of each character of a text",
    kind="tagged_text",
    noun="a tagger of texts",
    data="tagged texts",
    group="tfseq.tasks.tagging.settings:TextTaggingSettings",
    unused=("initialize_from", "ngram_features", "sample_every"),
    monitors=("loss", "accuracy"),
    uses="tfseq.tasks.tagging.settings:TEXT_USES",
)
TASKS.add(
    "transduction",
    "tfseq.tasks.transduction.task:Transduction",
    "the target of a source, such as its translation",
    kind="pairs",
    noun="a transducer",
    data="pairs of texts",
    group="tfseq.tasks.transduction.settings:TransductionSettings",
    unused=("loss_scale_over_time", "ngram", "hash_rows", "ngram_features"),
    monitors=("loss", "accuracy", "bleu"),
    uses="tfseq.tasks.transduction.settings:USES",
)


def add_task(task: type, help: str, *, like: str | None = None, **details: Any) -> None:
    """Adds a task to the table, under the name of its class.

    Args:
        task: the class of the task.
        help: one line that explains the task.
        like: name of another task; details that are not given are taken from it.
        **details: `kind`, `noun`, `data`, `group`, `unused`, `monitors`, `uses`; see the
            table.

    Raises:
        UsageError: there is a task of that name, or the class or a detail is wrong.

    Example:
        class Reversed(LanguageModeling):
            name = "reversed"

        add_task(Reversed, "a text from its end", like="language_modeling")
    """
    if not isinstance(task, type) or not isinstance(getattr(task, "name", None), str):
        raise UsageError(
            f"`task`: found {task!r}, expected a class with an attribute `name`; give one"
        )
    if like is not None:
        row = TASKS.row(like)
        names = ("kind", "noun", "data", "group", "unused", "monitors", "uses")
        details = {**{name: getattr(row, name) for name in names}, **details}
    TASKS.add(task.name, task, help, **details)


@dataclasses.dataclass(frozen=True)
class NoSettings:
    """The settings of a task that has none of its own."""

    @staticmethod
    def check_task(settings: Any) -> None:
        """Accepts all settings."""


def choose_task(settings: Any) -> Row:
    """Returns the task that the settings name, or the first that reads their data set.

    Args:
        settings: the settings of the run.

    Raises:
        UsageError: there is none, or it does not read the data set.

    Example:
        choose_task(Settings(dataset="toy_reviews")).name  # "classification"
    """
    kind = DATASETS.row(settings.dataset).kind
    if settings.task is not None:
        row = TASKS.row(settings.task)
        if row.kind != kind:
            raise UsageError(
                f"`task`={settings.task}: found with `dataset`={settings.dataset}, whose "
                f"data are of the kind {kind}, expected the kind {row.kind}; choose "
                "another task or data set"
            )
        return row
    for row in TASKS.rows():
        if row.kind == kind:
            return row
    raise UsageError(
        f"`dataset`={settings.dataset}: found data of the kind {kind}, which no task "
        "reads; choose another data set"
    )


def settings_group(row: Row) -> type:
    """Returns the record of the settings that only this task has."""
    if row.group is None:
        return NoSettings
    return load_target(row.group, f"`group` of `task`={row.name}")


def options_of_uses(row: Row) -> dict[str, type]:
    """Returns the record of options of each use that the task has, by its name."""
    return load_target(row.uses, f"`uses` of `task`={row.name}")


def create_task(settings: Any) -> Any:
    """Returns the task of a run with these settings, a `tfseq.tasks.Task`.

    Example:
        task = create_task(Settings(dataset="toy_reviews"))
    """
    return choose_task(settings).load()(settings)
