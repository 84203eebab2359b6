"""The corpus that the settings of a run name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfseq.configuration.choices import DATASETS

if TYPE_CHECKING:
    from tfseq.datasets.labelled_corpus import LabelledCorpus
    from tfseq.datasets.text_corpus import TextCorpus


def load_corpus(settings: Any) -> TextCorpus | LabelledCorpus:
    """Returns the corpus that `settings.dataset` names in the table `DATASETS`.

    Its function gets the settings that its row takes, by their names, and no others.

    Args:
        settings: the settings of a run; `dataset` and what the data set takes.

    Returns:
        A text, or labelled texts, by the kind of the data set.

    Raises:
        UsageError: there is no data set of that name, or it refuses a setting.
        DataError: its files are missing or damaged.

    Example:
        DATASETS.add(
            "poems",
            poems_corpus,  # def poems_corpus(valid_size=None) -> TextCorpus
            "poems of one author",
            kind="text",
            level="character",
            takes=("valid_size",),
        )
        corpus = load_corpus(settings)  # with settings.dataset == "poems"
    """
    row = DATASETS.row(settings.dataset)
    return row.load()(**{name: getattr(settings, name) for name in row.takes})
