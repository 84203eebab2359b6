"""The work that all sides do: shapes, data, first weights, floating-point operations."""

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np

SEED = 0
REVIEW_STEPS = 100  # After which the reviews come again.
LOSS_STEPS = 25  # Every side tells the mean loss of as many steps, after as many.


@dataclasses.dataclass(frozen=True)
class Workload:
    """One training task.

    Attributes:
        name: its name on the command line.
        batch: lanes, or reviews.
        time: unrollings, or tokens of a review.
        symbols: size of the vocabulary.
        units: units of each layer.
        num_layers: LSTM layers.
        embedding: width of the embedding; 0 for one-hot vectors.
        reviews: whether there is one label for each row instead of one for each token.
        adam: whether the optimizer is Adam instead of gradient descent.
        learning_rate: the constant learning rate.
        clip: bound of the gradient's global norm.
        carries_state: the state of each unrolling is the first of the next.
        lazy: whether a step updates only those rows of the embedding that it reads.
        num_tokens: length of the text.
        copies: how often the text stands in the data.
        steps: training steps in a turn.
        loss_steps: steps of which the mean loss is told, after as many steps before.
    """

    name: str
    batch: int
    time: int
    symbols: int
    units: int
    num_layers: int = 1
    embedding: int = 0
    reviews: bool = False
    adam: bool = False
    learning_rate: float = 1.0
    clip: float = 5.0
    lazy: bool = False
    carries_state: bool = True
    num_tokens: int = 1_000_000
    copies: int = 1
    steps: int = 10
    loss_steps: int = LOSS_STEPS

    @property
    def features(self) -> int:
        """Width of the inputs of the first layer."""
        return self.embedding or self.symbols

    @property
    def tokens_per_step(self) -> int:
        """Tokens that a step reads."""
        return self.batch * self.time

    @property
    def operations_per_step(self) -> float:
        """Floating-point operations of the plain dense formulas.

        A product of [m, k] and [k, n] counts 2 m k n. Forward once and backward twice;
        a one-hot input counts as a product, an embedding, gates and update as nothing.
        """
        sizes = [self.features] + [self.units] * self.num_layers
        cells = sum(
            8 * above * (below + above) for below, above in itertools.pairwise(sizes)
        )
        output = 2 * self.units * self.symbols
        if self.reviews:
            output = 2 * self.units / self.time
        return 3.0 * self.tokens_per_step * (cells + output)


IMDB = Workload(
    "imdb",
    batch=100,
    time=200,
    symbols=102_967,
    units=128,
    embedding=256,
    reviews=True,
    adam=True,
    learning_rate=0.001,
    steps=4,
)
CHAR_RNN = Workload(
    "char_rnn", 64, 100, 65, 128, adam=True, learning_rate=0.002, steps=40
)
WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("text8", 64, 10, 27, 64, clip=1.25, steps=1000),
        Workload("ptb_small", 30, 20, 10_000, 200, 2, 200, steps=20),
        Workload("ptb_medium", 20, 35, 10_000, 650, 2, 650, steps=4),
        CHAR_RNN,
        dataclasses.replace(
            CHAR_RNN, name="keras_layers", carries_state=False, steps=100
        ),
        IMDB,
        dataclasses.replace(IMDB, name="imdb_lazy", lazy=True),
    )
}


# What grows in the workload `growth`, from a model of words in the middle of its range.
MIDDLE = Workload(
    "growth", batch=16, time=35, symbols=1000, units=200, embedding=200, loss_steps=2
)
GROWTH = {
    "units": (64, 200, 650, 1500),
    "symbols": (1000, 10_000, 100_000),
    "time": (10, 35, 100, 400),
    "batch": (1, 16, 64, 256),
    "megabytes": (10, 100, 2000),
}
TURN_OPERATIONS = 5e10  # About a third of a second at the matrix rate of two cores.
MOST_STEPS = 100


def grown(axis: str, value: int) -> Workload:
    """Returns the workload of a row of `growth`.

    Args:
        axis: what grows, a key of `GROWTH`; `megabytes` of a text of one byte a token.
        value: how much of it.
    """
    if axis == "megabytes":
        changes = {"symbols": 250, "num_tokens": 10_000_000, "copies": value // 10}
    else:
        changes = {axis: value}
    workload = dataclasses.replace(MIDDLE, **changes)
    steps = round(TURN_OPERATIONS / workload.operations_per_step)
    return dataclasses.replace(workload, steps=min(max(steps, 2), MOST_STEPS))


class Weights(NamedTuple):
    """The weights that every side starts from, kernels as Keras has them.

    Attributes:
        embedding: `[symbols, embedding]`, or None.
        layers: kernel, recurrent kernel and bias of each layer.
        kernel: kernel of the last layer, `[units, symbols]` or `[units, 1]`.
        bias: bias of the last layer.
    """

    embedding: np.ndarray | None
    layers: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    kernel: np.ndarray
    bias: np.ndarray


def first_weights(workload: Workload) -> Weights:
    """Returns the first weights: kernels uniform in ± 1 / sqrt(units), biases zero.

    The embedding is uniform in ± 0.1.
    """
    rng = np.random.default_rng(SEED)
    scale = workload.units**-0.5

    def uniform(bound: float, *shape: int) -> np.ndarray:
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    embedding = None
    if workload.embedding:
        embedding = uniform(0.1, workload.symbols, workload.embedding)
    layers, below = [], workload.features
    for _ in range(workload.num_layers):
        width = 4 * workload.units
        kernels = uniform(scale, below, width), uniform(scale, workload.units, width)
        layers.append((*kernels, np.zeros(width, np.float32)))
        below = workload.units
    outputs = 1 if workload.reviews else workload.symbols
    bias = np.zeros(outputs, np.float32)
    return Weights(embedding, layers, uniform(scale, workload.units, outputs), bias)


def draw_tokens(rng: np.random.Generator, symbols: int, shape) -> np.ndarray:
    """Tokens whose n-th most frequent occurs in proportion to 1 / n, like words."""
    shares = 1 / np.arange(1, symbols + 1)
    return np.searchsorted(np.cumsum(shares / shares.sum()), rng.random(shape))


def make_text(workload: Workload) -> np.ndarray:
    """Returns a text, int32; every second token is a function of the token before it."""
    rng = np.random.default_rng(SEED)
    tokens = np.empty(workload.num_tokens, np.int32)
    tokens[0::2] = draw_tokens(rng, workload.symbols, len(tokens[0::2]))
    follower = rng.permutation(workload.symbols)
    tokens[1::2] = follower[tokens[0::2]][: len(tokens[1::2])]
    return tokens


def review_batches(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Reviews `[steps, batch, time]`, int32, and labels; a tenth of the words tell them."""
    rng = np.random.default_rng(SEED)
    shape = (REVIEW_STEPS, workload.batch, workload.time)
    labels = rng.integers(0, 2, shape[:2]).astype(np.int32)
    tokens = draw_tokens(rng, workload.symbols, shape)
    telling = rng.random(shape) < 0.1
    words = 100 + 50 * labels[..., np.newaxis] + rng.integers(0, 50, shape)
    return np.where(telling, words, tokens).astype(np.int32), labels


def unrollings(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Returns inputs and labels of the text in contiguous lanes, `[steps, batch, time]`."""
    tokens = make_text(workload)
    lane = len(tokens) // workload.batch
    steps = (lane - 1) // workload.time
    lanes = tokens[: workload.batch * lane].reshape(workload.batch, lane)

    def cut(part: np.ndarray) -> np.ndarray:
        shape = (workload.batch, steps, workload.time)
        return part[:, : steps * workload.time].reshape(shape).swapaxes(0, 1)

    return cut(lanes[:, :-1]), cut(lanes[:, 1:])


def batches(workload: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels of the steps, in the order in which every side reads them."""
    return (review_batches if workload.reviews else unrollings)(workload)
