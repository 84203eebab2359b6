"""The history of a run that goes on with changed settings."""

import dataclasses

from tfseq.tasks import Settings
from tfseq.training.history import changed_settings, extended_history


def test_only_what_shapes_the_run_is_a_change():
    saved = dataclasses.asdict(Settings(num_steps=10, run_dir="one", chains=1))
    del saved["seed"]  # A run of a version without it.
    now = Settings(num_steps=20, run_dir="other", chains=2, seed=5, learning_rate=0.1)
    assert changed_settings(saved, now) == {
        "num_steps": (10, 20),
        "learning_rate": (0.003, 0.1),
    }


def extend(history, changes, step):
    return extended_history(history, changes, step=step, learning_rate=0.5)


def test_changes_stand_in_the_order_of_their_steps():
    history = extend([], {"num_steps": (10, 20)}, 10)
    assert history == [
        {"step": 10, "changes": {"num_steps": [10, 20]}, "learning_rate": 0.5}
    ]
    assert extend(history, {}, 10) == history
    assert extend(history, {}, 15) == history
    further = extend(history, {"num_steps": (20, 30)}, 20)
    assert [entry["step"] for entry in further] == [10, 20]
    assert further[0] == history[0]


def test_changes_after_a_lost_checkpoint_hold_from_the_one_before():
    history = extend([], {"num_steps": (10, 20), "log_every": (1, 2)}, 10)
    history = extend(history, {"num_steps": (20, 30)}, 20)
    (entry,) = extend(history, {"log_every": (2, 1)}, 5)
    assert entry["step"] == 5
    assert entry["changes"] == {"num_steps": [10, 30]}
    # From the first step on nothing has been otherwise.
    assert extend(history, {"log_every": (2, 3)}, 0) == []
    assert extend(history[:1], {"num_steps": (20, 10), "log_every": (2, 1)}, 10) == []
