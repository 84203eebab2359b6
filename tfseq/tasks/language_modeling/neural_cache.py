"""The neural cache: a memory of the latest tokens for a trained language model."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseq.machine.compiled import compiled

UNUSED = -1


class CacheState(NamedTuple):
    """The latest hidden values and the tokens that followed them.

    Attributes:
        keys: `[size, units]`, the oldest first.
        tokens: ids, `[size]`; `UNUSED` in places that are not filled yet.
    """

    keys: tf.Tensor
    tokens: tf.Tensor


def empty_cache(size: int, units: int) -> CacheState:
    """Returns the cache before the first token."""
    return CacheState(tf.zeros([size, units]), tf.fill([size], UNUSED))


def cache_matches(
    hidden: tf.Tensor,
    labels: tf.Tensor,
    cache: CacheState,
    *,
    thetas: Sequence[float],
) -> tuple[tf.Tensor, tf.Tensor, CacheState]:
    """Computes the probability that the cache gives to each label.

        p_cache(w | h(t)) = Σ_i [w(i+1) = w] exp(θ h(t)·h(i)) / Σ_i exp(θ h(t)·h(i))

    The sums are over the `size` positions i before t (Grave, Joulin & Usunier 2017,
    https://arxiv.org/abs/1612.04426).

    Args:
        hidden: h, `[time, units]`.
        labels: the tokens that follow, `[time]`.
        cache: the positions before the first one of `hidden`.
        thetas: values of θ.

    Returns:
        p_cache of the labels, `[thetas, time]`; whether the cache had any position in it,
        bool `[time]`; the cache after the last label.
    """
    size, time = cache.tokens.shape[0], tf.shape(labels)[0]
    keys = tf.concat([cache.keys, hidden], axis=0)
    tokens = tf.concat([cache.tokens, labels], axis=0)
    position = tf.range(size + time)[tf.newaxis] - tf.range(time)[:, tf.newaxis]
    inside = (position >= 0) & (position < size) & (tokens != UNUSED)
    scores = tf.matmul(hidden, keys, transpose_b=True)
    same = tf.cast(labels[:, tf.newaxis] == tokens, scores.dtype)
    matches = []
    for theta in thetas:
        masked = tf.where(inside, theta * scores, scores.dtype.min)
        matches.append(tf.reduce_sum(tf.nn.softmax(masked) * same, axis=1))
    filled = tf.reduce_any(inside, axis=1)
    return tf.stack(matches), filled, CacheState(keys[-size:], tokens[-size:])


def compile_cache_evaluation(
    model: Any, size: int, *, thetas: Sequence[float], weights: Sequence[float]
) -> Callable[[tf.data.Dataset], np.ndarray]:
    """Compiles an evaluation at batch 1 with many settings of the cache at once.

        p(w) = (1 - λ) p_model(w) + λ p_cache(w)

    The first prediction is p_model alone, because the cache is empty.

    Args:
        model: the language model.
        size: number of positions that the cache holds.
        thetas: values of θ, which sharpens the cache.
        weights: values of λ, the share of the cache.

    Returns:
        A function of a data set of `(inputs, labels, weights)`, each `[1, time]`, that
        returns the mean loss in nats for each setting, `[thetas, weights]`.
    """
    shares = tf.constant(weights, tf.float64)

    @compiled(reduce_retracing=True)
    def read(dataset: tf.data.Dataset) -> tuple[tf.Tensor, tf.Tensor]:
        state = model.initial_state(1)
        cache = empty_cache(size, model.cell.output_size)
        total = tf.zeros([len(thetas), len(weights)], tf.float64)
        count = tf.zeros([], tf.float64)
        for inputs, labels, counted in dataset:
            hidden, logits, state = model.read(inputs, state)
            by_model = tf.gather(tf.nn.log_softmax(logits[0]), labels[0], batch_dims=1)
            by_cache, filled, cache = cache_matches(
                hidden[0], labels[0], cache, thetas=thetas
            )
            # In logarithms: a prediction may be as bad as thousands of nats.
            by_model = tf.cast(by_model, tf.float64) + tf.zeros(
                [len(thetas), 1], tf.float64
            )
            by_cache = tf.math.log(tf.cast(by_cache, tf.float64))
            by_cache = tf.where(filled, by_cache, by_model)
            each = tf.reduce_logsumexp(
                [
                    tf.math.log(1 - shares) + by_model[..., tf.newaxis],
                    tf.math.log(shares) + by_cache[..., tf.newaxis],
                ],
                axis=0,
            )
            counted = tf.cast(counted[0], tf.float64)
            total -= tf.einsum("htl,t->hl", each, counted)
            count += tf.reduce_sum(counted)
        return total, count

    def evaluate(dataset: tf.data.Dataset) -> np.ndarray:
        total, count = read(dataset)
        return total.numpy() / max(float(count), 1.0)

    return evaluate
