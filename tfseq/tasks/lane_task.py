"""The base of the tasks that read one long text in contiguous lanes."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfseq.pipelines import (
    MEAN_LENGTH,
    endless_unrollings,
    epoch_unrollings,
    unrollings_per_epoch,
    varied_unrollings,
    varied_unrollings_per_epoch,
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
        settings = self.settings
        text = data.splits["train"]
        sizes = settings.batch_size, settings.num_unrollings
        if settings.random_unrollings or settings.shuffle_lanes:
            return varied_unrollings(
                text,
                *sizes,
                seed=settings.seed,
                random_lengths=settings.random_unrollings,
                shuffle_lanes=settings.shuffle_lanes,
                first_step=step,
                lanes=lanes,
            )
        read = epoch_unrollings if settings.num_epochs else endless_unrollings
        return read(text, *sizes, first_step=step, lanes=lanes)

    def part_sizes(self, data: Data) -> Mapping[str, int]:
        """Returns the tokens of each part."""
        return {name: text.num_tokens for name, text in data.splits.items()}

    def steps_per_epoch(self, data: Data) -> int:
        """Returns the unrollings in one pass over the text, at least 1."""
        settings = self.settings
        varied = settings.random_unrollings
        count = varied_unrollings_per_epoch if varied else unrollings_per_epoch
        return max(
            count(
                data.splits["train"].num_tokens,
                settings.batch_size,
                settings.num_unrollings,
            ),
            1,
        )

    @property
    def predictions_per_step(self) -> int:
        """The tokens of one unrolling of all lanes, the mean of random ones."""
        mean = MEAN_LENGTH if self.settings.random_unrollings else 1
        return round(mean * self.settings.batch_size * self.settings.num_unrollings)

    @property
    def divisor(self) -> float:
        """The number of predictions, or of lanes where losses are summed over time.

        It is that of `num_unrollings` also where lengths are random. So a token weighs as
        much in a short unrolling as in a long one: with gradient descent that is the
        learning rate scaled by the length (Merity et al. 2018).
        """
        if self.settings.loss_scale_over_time == "sum":
            return self.settings.batch_size
        return self.settings.batch_size * self.settings.num_unrollings
