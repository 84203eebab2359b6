"""The parts that every model has, built from settings: inputs, cells, number format."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from tfseq import cells
from tfseq.configuration import CELLS
from tfseq.errors import UsageError
from tfseq.layers.token_inputs import TokenInputs

# Keras' names of the number formats.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def build_initializers(settings: Any) -> tuple[Any, Any]:
    """Returns two initializers: of kernels and of recurrent kernels.

    The kernels are those of the cells and of the softmax.

    Args:
        settings: the settings of the run.

    Raises:
        UsageError: the initializer is unknown.
    """
    seed = keras.random.SeedGenerator(settings.seed)
    mean, scale = settings.initializer_mean, settings.initializer_scale
    if settings.initializer == "truncated_normal":
        initializer = keras.initializers.TruncatedNormal(mean, scale, seed)
        return initializer, initializer
    if settings.initializer == "uniform":
        initializer = keras.initializers.RandomUniform(mean - scale, mean + scale, seed)
        return initializer, initializer
    if settings.initializer == "glorot":
        orthogonal = keras.initializers.Orthogonal(seed=seed)
        return keras.initializers.GlorotUniform(seed), orthogonal
    raise UsageError(
        f"`initializer`={settings.initializer}: expected glorot, truncated_normal or "
        "uniform; choose one"
    )


def build_cells(
    settings: Any, sizes: list[int], *, kernel: Any, recurrent: Any
) -> keras.layers.Layer:
    """Returns the recurrent layers, with their dropout, as one cell.

    Args:
        settings: the settings of the run.
        sizes: units of each layer, the lowest layer first.
        kernel: initializer of the input weights.
        recurrent: initializer of the recurrent weights.

    Example:
        settings = Settings(units=64, num_layers=2)
        kernel, recurrent = build_initializers(settings)
        cell = build_cells(settings, [64, 64], kernel=kernel, recurrent=recurrent)
    """
    row = CELLS.row(settings.cell)
    options = {name: getattr(settings, name) for name in row.options}
    input_dropout = settings.input_dropout
    if input_dropout is None:
        input_dropout = settings.dropout
    layers = []
    for index, units in enumerate(sizes):
        layer = row.load()(
            units,
            kernel_initializer=kernel,
            recurrent_initializer=recurrent,
            **options,
        )
        if settings.recurrent_weight_dropout:
            layer = cells.WeightDroppedCell(layer, settings.recurrent_weight_dropout)
        rate = settings.dropout if index else input_dropout
        if rate:
            layer = cells.DropoutCell(layer, rate, settings.variational_dropout)
        layers.append(layer)
    return cells.StackedCell(layers) if len(layers) > 1 else layers[0]


def build_inputs(settings: Any, vocabulary_size: int) -> TokenInputs:
    """Returns the input layer that the settings describe.

    Args:
        settings: the settings of the run.
        vocabulary_size: number of tokens.
    """
    return TokenInputs(
        vocabulary_size,
        embedding_size=settings.embedding_size,
        ngram=settings.ngram,
        embedding_scale=settings.embedding_scale,
        seed=settings.seed,
        dropout=settings.embedding_dropout,
        hash_rows=settings.hash_rows,
        lazy=settings.lazy_rows,
    )


@contextlib.contextmanager
def layer_precision(name: str) -> Iterator[None]:
    """Makes layers that are created within the block compute in a number format.

    Their weights stay float32.

    Args:
        name: `float32` or `bfloat16`.

    Raises:
        UsageError: the name is unknown.

    Example:
        with layer_precision("bfloat16"):
            softmax = Softmax(1000)
    """
    if name not in POLICIES:
        raise UsageError(f"`precision`={name}: expected one of {', '.join(POLICIES)}")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[name])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
