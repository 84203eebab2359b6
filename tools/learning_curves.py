"""The learning curves of runs, read from their event files."""

import dataclasses
import json
import pathlib

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from tfseq.configuration import DATASETS

# Level of a run: title of its panel, figure drawn there.
PANELS = {
    "character": ("Characters: validation perplexity", "perplexity"),
    "word": ("Words: validation perplexity", "perplexity"),
    "subword": ("Sub-words: validation perplexity of words", "word_perplexity"),
    "text": ("Labelled texts: validation accuracy", "accuracy"),
}
LABELLED = {row.name for row in DATASETS.rows() if row.kind == "labelled"}


@dataclasses.dataclass(frozen=True)
class Curve:
    """The points of a run that are drawn.

    Attributes:
        name: name of the run folder.
        level: panel it belongs to.
        predictions: predictions trained on at each validation.
        values: the panel's figure at each validation.
    """

    name: str
    level: str
    predictions: list[int]
    values: list[float]


def read_curve(folder: pathlib.Path) -> Curve:
    """Returns the validations of a run.

    Raises:
        ValueError: the folder holds no run that was validated.
    """
    try:
        settings = json.loads((folder / "config.json").read_text())["settings"]
    except OSError:
        raise ValueError(f"{folder}: found no config.json, expected a run") from None
    labelled = settings["dataset"] in LABELLED
    level = "text" if labelled else settings["level"]
    _, figure = PANELS[level]
    events = EventAccumulator(str(folder / "valid"), size_guidance={"tensors": 0})
    events.Reload()
    if figure not in events.Tags()["tensors"]:
        raise ValueError(f"{folder}: found no validation, expected one at least")
    found = sorted(
        (event.step, float(make_ndarray(event.tensor_proto)))
        for event in events.Tensors(figure)
    )
    each = settings["batch_size"] * (1 if labelled else settings["num_unrollings"])
    steps, values = zip(*found, strict=True)
    return Curve(folder.name, level, [step * each for step in steps], list(values))


def read_seconds(folder: pathlib.Path, figure: str) -> list[float]:
    """Returns when a run was validated, in seconds since its training began.

    Raises:
        ValueError: several processes trained the run, with pauses between them.
    """
    files = [*(folder / "valid").glob("*tfevents*")]
    if len(files) > 1:
        raise ValueError(
            f"{folder}: found events of {len(files)} processes, expected a run trained by "
            "one, because pauses would count"
        )
    events = EventAccumulator(str(files[0]), size_guidance={"tensors": 0}).Reload()
    begun = events.FirstEventTimestamp()
    found = sorted((event.step, event.wall_time) for event in events.Tensors(figure))
    return [time - begun for _, time in found]
