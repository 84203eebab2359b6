"""The neural cache: a memory of the latest tokens for a trained language model."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

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
