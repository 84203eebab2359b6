"""What every model tells the step loop about a batch."""

from typing import Any, NamedTuple

import tensorflow as tf


class Losses(NamedTuple):
    """Sums over the predictions of a batch.

    Attributes:
        loss: the sum of -ln p(label), in nats.
        count: the number of predictions, or the sum of their weights; float32.
        penalty: what regularizers add to the loss, summed in the same way.
        state: the new state.
    """

    loss: tf.Tensor
    count: tf.Tensor
    penalty: tf.Tensor
    state: Any
