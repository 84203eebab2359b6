"""The parts that every model has, built from settings: inputs, cells, number format."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf
from absl import logging

from tfseq import cells
from tfseq.cells.arguments import check_is_cell
from tfseq.cells.cudnn_recurrence import CUDNN_DTYPES
from tfseq.cells.stack import initial_state_of
from tfseq.configuration import CELLS
from tfseq.errors import UsageError
from tfseq.layers.token_inputs import TokenInputs
from tfseq.machine.hardware import choose_precision, finds_cudnn

# Keras' names of the number formats.
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def build_initializers(settings: Any) -> tuple[Any, Any]:
    """Returns two initializers: of kernels and of recurrent kernels.

    The kernels are those of the cells and of the softmax.

    Args:
        settings: the settings of the run.

    Raises:
        UsageError: the initializer is unknown.

    Example:
        kernel, recurrent_kernel = build_initializers(Settings(initializer="uniform"))
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

    Raises:
        UsageError: a cell from outside of the package returns what a cell must not, or
            residual layers are not of the same size.

    Example:
        settings = Settings(units=64, num_layers=2)
        kernel, recurrent = build_initializers(settings)
        cell = build_cells(settings, [64, 64], kernel=kernel, recurrent=recurrent)
    """
    row = CELLS.row(settings.cell)
    options = {name: getattr(settings, name) for name in row.options}
    _check_cell(settings.cell, row.load(), options)
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
        if settings.zoneout or settings.zoneout_memory:
            layer = _zoned_out(layer, settings)
        rate = settings.dropout if index else input_dropout
        if rate:
            layer = cells.DropoutCell(layer, rate, settings.variational_dropout)
        if settings.residual and index:
            layer = _residual(layer, layers[-1])
        layers.append(layer)
    if finds_cudnn():
        logging.info("layers: %s", told_of_cudnn(settings))
    return cells.StackedCell(layers) if len(layers) > 1 else layers[0]


def told_of_cudnn(settings: Any) -> str:
    """Returns in words whether cuDNN computes the layers on a GPU, or why it does not.

    Args:
        settings: the settings of the run.
    """
    cell = CELLS.row(settings.cell).load()(1)
    for name, in_the_way in (
        ("zoneout", settings.zoneout),
        ("zoneout_memory", settings.zoneout_memory),
        ("precision", cell.compute_dtype not in CUDNN_DTYPES),
        ("cell", not getattr(cell, "suits_cudnn", False)),
    ):
        if in_the_way:
            value = getattr(settings, name)
            return f"computed step by step, not by cuDNN, for `{name}`={value}"
    return "cuDNN computes whole sequences"


def _zoned_out(layer: keras.layers.Layer, settings: Any) -> cells.ZoneoutCell:
    """Returns a layer with zoneout around it.

    Raises:
        UsageError: it is a cell from outside of the package that cannot have zoneout.
    """
    try:
        return cells.ZoneoutCell(layer, settings.zoneout, settings.zoneout_memory)
    except ValueError as error:
        raise UsageError(f"`zoneout`={settings.zoneout}: {error}") from error


def _residual(
    layer: keras.layers.Layer, below: keras.layers.Layer
) -> cells.ResidualCell:
    """Returns a layer whose inputs, the outputs of the layer below, are added to its own.

    Raises:
        UsageError: the two are not of the same size.
    """
    if layer.output_size != below.output_size:
        raise UsageError(
            f"`residual`: found a layer of {layer.output_size} outputs above one of "
            f"{below.output_size}, expected layers of the same size; choose the sizes "
            "alike, or leave `residual` out"
        )
    return cells.ResidualCell(layer)


def _check_cell(name: str, cell_class: type, options: dict[str, Any]) -> None:
    """Computes two steps of a cell from outside of the package, on numbers that are zero.

    So its faults are found before the first step of training. Zeros draw no random values.

    Raises:
        UsageError: it is no cell, or returns what a cell must not.
    """
    if cell_class.__module__.startswith("tfseq."):
        return
    cell = cell_class(
        4, kernel_initializer="zeros", recurrent_initializer="zeros", **options
    )
    try:
        check_is_cell(cell)
        cells.unroll(cell, tf.zeros([2, 2, 3]), initial_state_of(cell, 2))
    except ValueError as error:
        found = str(error).removeprefix("`cell`: ")
        raise UsageError(f"`cell`={name}: {found}") from error


def build_inputs(settings: Any, vocabulary_size: int) -> TokenInputs:
    """Returns the input layer that the settings describe.

    Args:
        settings: the settings of the run.
        vocabulary_size: number of tokens.

    Example:
        inputs = build_inputs(Settings(embedding_size=32), 27)
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
        name: `float32`, `bfloat16`, or `auto` for the faster one on this machine.

    Raises:
        UsageError: the name is unknown.

    Example:
        with layer_precision("bfloat16"):
            softmax = Softmax(1000)
    """
    if name == "auto":
        name = choose_precision()
    if name not in POLICIES:
        raise UsageError(
            f"`precision`={name}: expected one of {', '.join(POLICIES)}, auto"
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[name])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
