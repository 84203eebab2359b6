"""From the settings of a run to what every model has: inputs, cells, number format."""

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
    """Returns initializers of the cells' kernels and the softmax, and of recurrent kernels."""
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
        sizes: units of each layer, the lowest first.
        kernel: initializer of the input weights.
        recurrent: initializer of the recurrent weights.
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
    """Returns the input layer that the settings describe."""
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
    """Within the block new layers compute in this format; their weights are float32.

    Args:
        name: `float32` or `bfloat16`.

    Raises:
        UsageError: the name is another one.
    """
    if name not in POLICIES:
        raise UsageError(f"`precision`={name}: expected one of {', '.join(POLICIES)}")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[name])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
