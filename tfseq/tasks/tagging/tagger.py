"""What both taggers have in common: the logits of all tags from the layers' outputs."""

from typing import Any

import keras
import tensorflow as tf

from tfseq.cells import LaneSeed, fold_lane_seed, lane_dropout
from tfseq.layers import SequenceModel, TokenInputs

OUTPUT_DROPOUT_SEED = 1_000_003


class Tagger(SequenceModel):
    """The base of the taggers: logits = dropout(h) · kernel + bias.

    Args:
        inputs: the input layer.
        num_tags: number of tags.
        dropout: share of the outputs of the layers dropped in training.
        variational_dropout: whether all time steps have the same dropout mask.
        kernel_initializer: initializer of the kernel.

    Attributes:
        kernel: `[width, tags]`.
        bias: `[tags]`.
    """

    def __init__(
        self,
        inputs: TokenInputs,
        num_tags: int,
        *,
        dropout: float = 0.0,
        variational_dropout: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(inputs, None, **kwargs)
        self.num_tags = num_tags
        self.dropout = dropout
        self.variational_dropout = variational_dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build_logits(self, width: int) -> None:
        """Creates kernel and bias.

        Args:
            width: that of the outputs of the layers.
        """
        self.kernel = self.add_weight(
            shape=(width, self.num_tags),
            initializer=self.kernel_initializer,
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.num_tags,), initializer="zeros", name="bias"
        )

    def logits(
        self,
        outputs: tf.Tensor,
        training: bool = False,
        lane_seed: LaneSeed | None = None,
    ) -> tf.Tensor:
        """Returns the logits of all tags, float32 `[batch, time, tags]`.

        Args:
            outputs: those of the layers, `[time, batch, width]`.
            training: whether to apply dropout.
            lane_seed: the seed of dropout masks; needed with dropout in training.
        """
        if training and self.dropout:
            seed = fold_lane_seed(lane_seed, OUTPUT_DROPOUT_SEED)
            outputs = lane_dropout(
                outputs, self.dropout, seed, self.variational_dropout, time_major=True
            )
        flat = tf.reshape(outputs, [-1, self.kernel.shape[0]])
        logits = tf.matmul(flat, tf.cast(self.kernel.value, flat.dtype))
        logits = tf.cast(logits, tf.float32) + tf.cast(self.bias.value, tf.float32)
        sizes = tf.concat([tf.shape(outputs)[:2], [self.num_tags]], axis=0)
        return tf.transpose(tf.reshape(logits, sizes), [1, 0, 2])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor; layers are serialized."""
        config = super().get_config()
        config.pop("ngrams")
        return {
            **config,
            "num_tags": self.num_tags,
            "dropout": self.dropout,
            "variational_dropout": self.variational_dropout,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
