"""Text that a language model writes: one compiled loop with explicit state."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def compile_sampling(
    model: Any, num_samples: int, length: int, forbidden: int | None = None
) -> Callable[[tf.Tensor, float], tf.Tensor]:
    """A function that writes `num_samples` texts side by side.

    Each first token is drawn evenly from the vocabulary and each further one from
    softmax(logits / temperature), which the model then reads; the state starts at zero.

    Args:
        model: the language model.
        num_samples: texts, the batch.
        length: tokens in each text.
        forbidden: a token that is never written (`<unk>`), or None.

    Returns:
        A function of a seed, `[2]` int32, and a temperature that returns ids
        `[num_samples, length]`. The same seed writes the same texts.
    """
    if forbidden is None:
        barrier = tf.zeros([model.vocabulary_size])
    else:
        barrier = tf.one_hot(
            forbidden, model.vocabulary_size, on_value=-1e9, off_value=0.0
        )

    @tf.function
    def sample(seed: tf.Tensor, temperature: float = 1.0) -> tf.Tensor:
        def draw(logits: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
            drawn = tf.random.stateless_categorical(
                logits, 1, tf.random.experimental.stateless_fold_in(seed, position)
            )
            return tf.cast(drawn, tf.int32)

        even = tf.tile(barrier[tf.newaxis], [num_samples, 1])
        tokens = draw(even, tf.constant(0))
        state = model.initial_state(num_samples)
        written = tf.TensorArray(tf.int32, length, element_shape=[num_samples])
        written = written.write(0, tokens[:, 0])
        for position in tf.range(1, length):
            logits, state = model(tokens, state)
            tokens = draw(logits[:, 0] / temperature + barrier, position)
            written = written.write(position, tokens[:, 0])
        return tf.transpose(written.stack())

    return sample
