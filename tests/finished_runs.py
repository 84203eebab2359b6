"""Small finished runs, which several files of tests only read."""

import pathlib

import pytest
from training_runs import filled_once

from tfseq import runs
from tfseq.tasks import Settings

TEXT = "".join(
    f"the {animal} {verb} the {other}\n"
    for animal in ("cat", "dog", "bird")
    for verb in ("sees", "hears")
    for other in ("cat", "dog", "bird", "cow")
)


def _train_each(folder: pathlib.Path) -> None:
    """Trains for a moment: a character model, a word model, a classifier."""
    (folder / "text.txt").write_text(TEXT * 8)
    common = {
        "cache_dir": str(folder / "cache"),
        "batch_size": 4,
        "units": 8,
        "num_steps": 30,
        "sample_every": 0,
    }
    text = {
        "dataset": "text",
        "train_file": str(folder / "text.txt"),
        "num_unrollings": 10,
    }
    kinds = {
        "character": text,
        "word": {**text, "level": "word", "embedding_size": 8},
        "review": {"dataset": "toy_reviews", "embedding_size": 8},
        # The rate is so high that every step changes the loss.
        "validated": {**text, "learning_rate": 0.5, "evaluate_every": 10},
    }
    for name, options in kinds.items():
        settings = Settings(run_dir=str(folder / name), **common, **options)
        assert runs.train(settings) == 0


def finished_runs(factory: pytest.TempPathFactory) -> dict[str, str]:
    """The folders of the runs, by their kind."""
    folder = filled_once(factory, "finished_runs", _train_each)
    kinds = ("character", "word", "review", "validated")
    return {name: str(folder / name) for name in kinds}
