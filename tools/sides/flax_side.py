"""Flax as its users write it: `nnx.RNN` of `OptimizedLSTMCell`, on JAX.

`jax.lax.scan` over steps, compiled as a whole, spares Python between them.
"""

import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from sides.turns import take_turns
from sides.workloads import LOSS_STEPS, Workload, batches, first_weights


class Model(nnx.Module):
    """Embedding or one-hot vectors, LSTM layers, one linear layer."""

    def __init__(self, workload: Workload, unroll: int):
        rngs = nnx.Rngs(0)
        self.symbols = workload.symbols
        self.embedding = (
            nnx.Embed(workload.symbols, workload.embedding, rngs=rngs)
            if workload.embedding
            else None
        )
        sizes = [workload.features] + [workload.units] * workload.num_layers
        self.layers = nnx.List(
            nnx.RNN(
                nnx.OptimizedLSTMCell(below, above, rngs=rngs),
                return_carry=True,
                unroll=unroll,
            )
            for below, above in itertools.pairwise(sizes)
        )
        self.linear = nnx.Linear(workload.units, workload.symbols, rngs=rngs)

    def __call__(self, tokens, state):
        """Returns logits and the new state, (memory, hidden state) of each layer."""
        if self.embedding is None:
            outputs = jax.nn.one_hot(tokens, self.symbols)
        else:
            outputs = self.embedding(tokens)
        states = []
        for layer, carry in zip(self.layers, state, strict=True):
            carry, outputs = layer(outputs, initial_carry=carry)
            states.append(carry)
        return self.linear(outputs), states

    def set_weights(self, workload: Workload) -> None:
        """Sets the weights that all sides start from; the gates have Keras' order."""
        weights = first_weights(workload)
        if self.embedding is not None:
            self.embedding.embedding.set_value(jnp.asarray(weights.embedding))
        for layer, values in zip(self.layers, weights.layers, strict=True):
            kernel, recurrent, bias = map(jnp.asarray, values)
            layer.cell.dense_i.kernel.set_value(kernel)
            layer.cell.dense_h.kernel.set_value(recurrent)
            layer.cell.dense_h.bias.set_value(bias)
        self.linear.kernel.set_value(jnp.asarray(weights.kernel))
        self.linear.bias.set_value(jnp.asarray(weights.bias))


class Training:
    """A model in training, of which each call of `train` goes on where the last stopped."""

    def __init__(self, workload: Workload, unroll: int):
        model = Model(workload, unroll)
        model.set_weights(workload)
        definition, self.weights, rest = nnx.split(model, nnx.Param, ...)
        optimizer = optax.chain(
            optax.clip_by_global_norm(workload.clip), optax.sgd(workload.learning_rate)
        )
        self.slots = optimizer.init(self.weights)
        shape = [workload.batch, workload.units]
        self.state = [
            (jnp.zeros(shape), jnp.zeros(shape)) for _ in range(workload.num_layers)
        ]
        self.data = [np.asarray(part) for part in batches(workload)]
        self.step = 0

        def loss_of(weights, tokens, labels, state):
            logits, state = nnx.merge(definition, weights, rest)(tokens, state)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses.mean(), state

        def one_step(carried, batch):
            weights, slots, state = carried
            (loss, state), gradients = jax.value_and_grad(loss_of, has_aux=True)(
                weights, *batch, state
            )
            updates, slots = optimizer.update(gradients, slots, weights)
            return (optax.apply_updates(weights, updates), slots, state), loss

        self.steps = jax.jit(
            lambda carried, data: jax.lax.scan(one_step, carried, data),
            donate_argnums=0,
        )

    def train(self, count: int) -> float:
        """Takes steps; returns their mean loss."""
        places = np.arange(self.step, self.step + count) % len(self.data[0])
        carried = self.weights, self.slots, self.state
        data = [part[places] for part in self.data]
        (self.weights, self.slots, self.state), losses = self.steps(carried, data)
        self.step += count
        return float(losses.mean())


def run(workload: Workload) -> None:
    """Trains when it is its turn, with the `unroll` of its loop that is the faster."""
    seconds = {}
    for unroll in (1, workload.time):
        tried = Training(workload, unroll)
        tried.train(LOSS_STEPS)
        started = time.perf_counter()
        tried.train(LOSS_STEPS)
        seconds[unroll] = time.perf_counter() - started
    unroll = min(seconds, key=seconds.get)
    training = Training(workload, unroll)
    training.train(LOSS_STEPS)
    loss = training.train(LOSS_STEPS)
    training.train(workload.steps)  # Compiles the loop of a turn.
    take_turns(
        lambda: {"loss": training.train(workload.steps)}, loss=loss, unroll=unroll
    )
