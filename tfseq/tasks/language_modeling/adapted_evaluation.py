"""The evaluation of a language model that adapts to the text as it reads it.

Three ways, each by itself or together with the others: dynamic evaluation changes the
weights, a neural cache remembers tokens, and a temperature flattens or sharpens the softmax.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfseq.machine.compiled import compiled
from tfseq.tasks.language_modeling.dynamic_rule import DynamicRule
from tfseq.tasks.language_modeling.neural_cache import cache_matches, empty_cache

# The length of an unrolling without a rule. Longer ones take more memory, for each setting.
ADAPTED_TIME = 25
UNROLLINGS_PER_CALL = 50

AdaptedEvaluation = Callable[..., np.ndarray]


def compile_adapted_evaluation(
    model: Any,
    *,
    rule: DynamicRule | None = None,
    cache_size: int = 0,
    temperatures: Sequence[float] = (1.0,),
    thetas: Sequence[float] = (0.0,),
    shares: Sequence[float] = (0.0,),
) -> AdaptedEvaluation:
    """Compiles an evaluation at batch 1 with many settings of cache and temperature at once.

        p(w) = (1 - λ) p_model(w) + λ p_cache(w)
        p_model = softmax(logits / temperature)

    Each unrolling is predicted first. Then it enters the cache, and the weights take a step
    of the rule on its mean loss, at temperature 1 and without the cache. The gradient stops
    at the start of the unrolling. At the end the model has its own weights again.

    Args:
        model: the language model.
        rule: the rule of dynamic evaluation; by default the weights stay as they are.
        cache_size: positions that the cache holds; 0 for none. The first prediction is
            p_model alone, because the cache is empty.
        temperatures: values of the temperature.
        thetas: values of θ, which sharpens the cache.
        shares: values of λ, the share of the cache.

    Returns:
        A function of a data set of `(inputs, labels, weights)`, each `[1, time]`; with a
        rule also of `learning_rate` and `decay`; and of `advance`, which is called with the
        number of unrollings that were read since the last call. It returns the mean loss in
        nats for each setting, `[temperatures, thetas, shares]`. The length of the unrollings
        makes a difference with a rule only, whose weights change after each of them.
    """
    loss_alone = not cache_size and tuple(temperatures) == (1.0,)
    variables = rule.variables if rule else []

    def predict(batch: tuple, state: Any, cache: Any) -> tuple:
        """Returns the loss to learn from, those of all settings, new state and cache."""
        if loss_alone:
            losses = model.losses(batch, state)
            total = tf.reshape(tf.cast(losses.loss, tf.float64), [1, 1, 1])
            return losses.loss, total, losses.state, cache
        tokens, labels, weights = batch
        hidden, logits, state = model.read(tokens, state)
        logits, labels, weights = logits[0], labels[0], weights[0]
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        by_model = log_probabilities(logits, labels, temperatures)
        by_model = by_model[:, tf.newaxis, :, tf.newaxis]
        if cache_size:
            by_cache, filled, cache = cache_matches(
                hidden[0], labels, cache, thetas=thetas
            )
            by_model = mixture(by_model, by_cache, filled, shares)
        total = -tf.einsum("khtl,t->khl", by_model, tf.cast(weights, tf.float64))
        return tf.reduce_sum(each * weights), total, state, cache

    @compiled(reduce_retracing=True)
    def read(
        iterator: tf.data.Iterator,
        unrollings: tf.Tensor,
        state: Any,
        cache: Any,
        rates: tuple,
    ) -> tuple:
        total = tf.zeros([len(temperatures), len(thetas), len(shares)], tf.float64)
        count = tf.zeros([], tf.float64)
        for _ in tf.range(unrollings):
            batch = next(iterator)
            predictions = tf.reduce_sum(batch[2])
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                loss, more, state, cache = predict(batch, state, cache)
                loss /= predictions
            if rule is not None:
                rule.step(tape.gradient(loss, variables), *rates)
            total += more
            count += tf.cast(predictions, tf.float64)
        return total, count, state, cache

    def evaluate(
        dataset: tf.data.Dataset,
        *,
        learning_rate: float = 0.0,
        decay: float = 0.0,
        advance: Callable[[int], None] = lambda unrollings: None,
    ) -> np.ndarray:
        left, iterator = int(dataset.cardinality()), iter(dataset)
        state = model.initial_state(1)
        cache = empty_cache(cache_size, model.cell.output_size) if cache_size else ()
        rates = (tf.constant(learning_rate), tf.constant(decay))
        total, count = 0.0, 0.0
        try:
            while left:
                unrollings = min(left, UNROLLINGS_PER_CALL)
                more, predictions, state, cache = read(
                    iterator, tf.constant(unrollings), state, cache, rates
                )
                total, count = total + more.numpy(), count + float(predictions)
                left -= unrollings
                advance(unrollings)
        finally:
            if rule is not None:
                rule.restore()
        return total / count

    return evaluate


def log_probabilities(
    logits: tf.Tensor, labels: tf.Tensor, temperatures: Sequence[float]
) -> tf.Tensor:
    """Computes ln softmax(logits / temperature) of each label.

    Args:
        logits: `[time, vocabulary]`.
        labels: ids, `[time]`.
        temperatures: values of the temperature.

    Returns:
        float64 `[temperatures, time]`.
    """
    of_labels = tf.gather(logits, labels, batch_dims=1)
    found = [
        of_labels / temperature - tf.reduce_logsumexp(logits / temperature, axis=1)
        for temperature in temperatures
    ]
    return tf.cast(tf.stack(found), tf.float64)


def mixture(
    by_model: tf.Tensor, by_cache: tf.Tensor, filled: tf.Tensor, shares: Sequence[float]
) -> tf.Tensor:
    """Computes ln of the probability that model and cache give to each label together.

    Args:
        by_model: ln p_model, float64 `[temperatures, 1, time, 1]`.
        by_cache: p_cache, `[thetas, time]`.
        filled: whether the cache had any position in it, bool `[time]`.
        shares: values of λ.

    Returns:
        float64 `[temperatures, thetas, time, shares]`.
    """
    # In logarithms: a prediction may be as bad as thousands of nats.
    by_cache = tf.math.log(tf.cast(by_cache, tf.float64))[tf.newaxis, ..., tf.newaxis]
    by_cache = tf.where(filled[:, tf.newaxis], by_cache, by_model)
    shares = tf.constant(shares, tf.float64)
    parts = [
        tf.math.log(1 - shares) + by_model + tf.zeros_like(by_cache),
        tf.math.log(shares) + by_cache,
    ]
    return tf.reduce_logsumexp(parts, axis=0)
