"""Keras as its users write it: `keras.layers.LSTM`, stateful for texts, and `fit`.

Where no state is carried on, the layer may also be that of tfseq.
"""

import time

import keras
import tensorflow as tf

from sides.turns import take_turns
from sides.workloads import LOSS_STEPS, Workload, batches, first_weights

# Of a step this long, in seconds, what happens between steps is no part that counts.
LONG_STEP = 0.3
# Of shorter ones LOSS_STEPS are tried at a time, of others 5, which divides them.
SHORT_STEP = 0.05


def build_model(workload: Workload, of_tfseq: bool = False) -> keras.Model:
    """Returns a model: embedding or one-hot vectors, LSTM layers, one dense layer."""
    symbols, last = workload.symbols, workload.num_layers - 1
    layers = [keras.Input(batch_shape=(workload.batch, workload.time), dtype="int32")]
    if of_tfseq:
        from tfseq.layers import LSTM

        # It reads integers as one-hot vectors.
        layers.append(LSTM(workload.units, return_sequences=True, features=symbols))
        return keras.Sequential([*layers, keras.layers.Dense(symbols)])
    if workload.embedding:
        layers.append(keras.layers.Embedding(symbols, workload.embedding))
    else:
        layers.append(keras.layers.Lambda(lambda ids: keras.ops.one_hot(ids, symbols)))
    for layer in range(workload.num_layers):
        layers.append(
            keras.layers.LSTM(
                workload.units,
                return_sequences=layer < last or not workload.reviews,
                stateful=workload.carries_state and not workload.reviews,
            )
        )
    layers.append(keras.layers.Dense(1 if workload.reviews else symbols))
    return keras.Sequential(layers)


def read_data(workload: Workload) -> tf.data.Dataset:
    """Returns the data set, read from memory."""
    data = tf.data.Dataset.from_tensor_slices(batches(workload)).repeat().prefetch(8)
    # There is nothing to tune, and each fit would end by waiting for the tuner, which
    # wakes up at twice the time of the time before: up to as long as its steps took.
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)


def compile_model(model: keras.Model, workload: Workload, jit: bool, at_a_time: int):
    """Sets the first weights and a fresh optimizer."""
    weights = first_weights(workload)
    values = [] if weights.embedding is None else [weights.embedding]
    values += [part for layer in weights.layers for part in layer]
    model.set_weights([*values, weights.kernel, weights.bias])
    optimizer = keras.optimizers.Adam if workload.adam else keras.optimizers.SGD
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if workload.reviews:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(
        optimizer=optimizer(workload.learning_rate, global_clipnorm=workload.clip),
        loss=loss,
        steps_per_execution=at_a_time,
        jit_compile=jit,
    )


def run(workload: Workload, jit: bool = False, of_tfseq: bool = False) -> None:
    """Trains when it is its turn, with the `steps_per_execution` that is the fastest."""
    if of_tfseq:
        import tfseq

        tfseq.configure(batch_size=workload.batch, units=workload.units)
    model, data = build_model(workload, of_tfseq), read_data(workload)

    def fit(steps: int, epochs: int = 1) -> float:
        history = model.fit(data, steps_per_epoch=steps, epochs=epochs, verbose=0)
        return history.history["loss"][-1]

    def seconds_of(steps: int) -> float:
        started = time.perf_counter()
        fit(steps)
        return time.perf_counter() - started

    def least_seconds() -> float:
        # Another side gets ready at the same time: what counts is an undisturbed try.
        return min(seconds_of(LOSS_STEPS) for _ in range(3))

    at_a_time = 1
    compile_model(model, workload, jit, at_a_time)
    fit(1)
    if seconds_of(1) < LONG_STEP:
        alone = least_seconds()
        tried = LOSS_STEPS if alone / LOSS_STEPS < SHORT_STEP else 5
        compile_model(model, workload, jit, tried)
        fit(tried)
        if least_seconds() < alone:
            at_a_time = tried
    steps = -(-workload.steps // at_a_time) * at_a_time
    compile_model(model, workload, jit, at_a_time)
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_states()
    loss = fit(LOSS_STEPS, epochs=2)
    take_turns(
        lambda: {"loss": fit(steps)},
        loss=loss,
        steps=steps,
        steps_per_execution=at_a_time,
    )
