"""The base of the tasks that read one long text in contiguous lanes."""

from __future__ import annotations

import tensorflow as tf

from tfseq.pipelines import (
    endless_unrollings,
    epoch_unrollings,
    unrollings_per_epoch,
)
from tfseq.tasks.task import Data, Lanes, Task


class LaneTask(Task):
    """A task that reads a text in lanes, `[lanes, time]` tokens in an unrolling.

    The state is carried from one unrolling to the next. `load_data` of a derived class
    returns the training text as a token file, `data.splits["train"]`.

    Args:
        settings: the settings of the run.
    """

    def batches(self, data: Data, step: int, lanes: Lanes = None) -> tf.data.Dataset:
        """Returns unrollings `(tokens, next tokens)`, `[lanes, time]`, from a step on."""
        read = epoch_unrollings if self.settings.num_epochs else endless_unrollings
        return read(
            data.splits["train"],
            self.settings.batch_size,
            self.settings.num_unrollings,
            first_step=step,
            lanes=lanes,
        )

    def steps_per_epoch(self, data: Data) -> int:
        """Returns the unrollings in one pass over the text, at least 1."""
        return max(
            unrollings_per_epoch(
                data.splits["train"].num_tokens,
                self.settings.batch_size,
                self.settings.num_unrollings,
            ),
            1,
        )

    @property
    def predictions_per_step(self) -> int:
        """The tokens of one unrolling of all lanes."""
        return self.settings.batch_size * self.settings.num_unrollings

    @property
    def divisor(self) -> float:
        """The number of predictions, or of lanes where losses are summed over time."""
        if self.settings.loss_scale_over_time == "sum":
            return self.settings.batch_size
        return self.predictions_per_step
