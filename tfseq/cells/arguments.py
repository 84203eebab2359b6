"""What cells are called with: converted once at their doors, refused if it does not fit.

Shapes and types are compared where they are known, also while a graph is built. A check
adds no operation to a graph; a conversion adds one where a type differs.
"""

import functools
import inspect
import numbers
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseq.cells.projection import RepeatedRows

HOW_TO_CALL = "call(inputs, states, training=False, lane_seed=None)"


def positive_integer(name: str, value: Any) -> int:
    """Returns a size as an `int`; NumPy's integers are taken, as Keras takes them.

    Raises:
        ValueError: it is not a positive integer.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer, received {value!r}")
    return int(value)


def tuple_of_sizes(sizes: Any) -> Any:
    """Returns the `state_size` of any Keras cell as a nest of tuples.

    A state `[batch, size]` has an integer, any other one its shape, a `tf.TensorShape`.
    """
    if isinstance(sizes, (numbers.Integral, tf.TensorShape)):
        return (sizes,)
    return tuple(_size(size) for size in sizes)


def _size(size):
    if isinstance(size, tf.TensorShape):
        return size
    return int(size) if isinstance(size, numbers.Integral) else tuple_of_sizes(size)


def check_is_cell(cell: Any) -> None:
    """Raises ValueError unless `cell` is a recurrent cell, by Keras' contract."""
    for name in ("state_size", "output_size"):
        if getattr(cell, name, None) is None:
            raise ValueError(
                f"`cell`: found {type(cell).__name__}, expected a recurrent cell, which "
                f"has a `{name}`; give one of `tfseq.cells` or a cell of your own"
            )
    parameters = _wrong_parameters(type(cell))
    if parameters is not None:
        raise ValueError(
            f"`cell`: found {type(cell).__name__} with call({parameters}), expected "
            f"{HOW_TO_CALL}; the last two may be left out"
        )


@functools.cache
def _wrong_parameters(cell_class: type) -> str | None:
    """Returns the parameters of `call` if it cannot take inputs and states, or None."""
    if not callable(getattr(cell_class, "call", None)):
        return ""
    signature = inspect.signature(cell_class.call)
    try:
        signature.bind(None, "inputs", "states")
    except TypeError:
        return ", ".join(list(map(str, signature.parameters.values()))[1:])
    return None


def as_inputs(cell: keras.layers.Layer, inputs: Any, axes: Sequence[str]) -> Any:
    """Returns inputs as a tensor, of the cell's compute dtype if they are features.

    Args:
        cell: any Keras cell.
        inputs: numbers `[*axes, features]`, integers `[*axes]` that stand for one-hot
            vectors, or repeated rows; a tensor, an array or nested lists.
        axes: names of the axes before the features.

    Raises:
        TypeError: they are no numbers.
        ValueError: their shape does not fit, or an integer is out of range; see
            `check_ids`.
    """
    features = getattr(cell, "input_size", None)
    expected = (
        f"numbers {_text((*axes, features or 'features'))}, or integers {_text(axes)}"
    )
    name = f"`inputs` of {cell.name}"
    if isinstance(inputs, RepeatedRows):
        rows, places = (as_tensor(each, name, "repeated rows") for each in inputs)
        _check_rows(rows, places, name, features or "features", axes)
        return RepeatedRows(_cast(rows, cell.compute_dtype), places)
    inputs = as_tensor(inputs, name, expected)
    shape, dtype = _shape(inputs), tf.as_dtype(inputs.dtype)
    if shape.rank is None:
        return inputs if dtype.is_integer else _cast(inputs, cell.compute_dtype)
    tokens = shape.rank == len(axes) and dtype.is_integer
    # Cells from elsewhere may read features of any rank.
    rank_fits = shape.rank == len(axes) + 1 or not _is_own(cell)
    width_fits = tokens or features is None or shape[-1:].is_compatible_with([features])
    if not (tokens or rank_fits) or not width_fits:
        raise ValueError(f"{name}: expected {expected}, received {describe(inputs)}")
    if "time" in axes and shape[axes.index("time")] == 0:
        raise ValueError(f"{name}: expected at least 1 step, received 0 steps")
    if not tokens:
        return _cast(inputs, cell.compute_dtype)
    if features is not None:
        check_ids(inputs, name, features)
    return inputs


def _check_rows(rows, places, name, features, axes):
    width = features if isinstance(features, int) else None
    if not (
        rows.shape.is_compatible_with([None, width])
        and places.shape.is_compatible_with([None] * len(axes))
        and places.dtype.is_integer
    ):
        raise ValueError(
            f"{name}: expected repeated rows {_text(('rows', features))} with integer "
            f"places {_text(axes)}, received rows {describe(rows)}, places "
            f"{describe(places)}"
        )


def as_ids(ids: Any, name: str, size: int, axes: Sequence[Any]) -> Any:
    """Returns ids as an int32 tensor.

    Args:
        ids: integers `[*axes]`; a tensor, an array or nested lists.
        name: what they are called in a message.
        size: they are at least 0 and below this; see `check_ids`.
        axes: names of the axes, or their sizes.

    Raises:
        TypeError: they are no integers.
        ValueError: they have another number of axes, or one is out of range.
    """
    expected = f"integers {_text(axes)}"
    ids = as_tensor(ids, name, expected)
    if not tf.as_dtype(ids.dtype).is_integer:
        raise TypeError(f"{name}: expected {expected}, received {describe(ids)}")
    sizes = [axis if isinstance(axis, int) else None for axis in axes]
    if not _shape(ids).is_compatible_with(sizes):
        raise ValueError(f"{name}: expected {expected}, received {describe(ids)}")
    check_ids(ids, name, size)
    return _cast(ids, tf.int32)


def check_ids(ids: Any, name: str, size: int) -> None:
    """Raises ValueError if one of the ids, which are at hand, is not in [0, size).

    The values of tensors of a graph are not known while it is built, so they pass.
    """
    if not tf.executing_eagerly() or not isinstance(ids, tf.Tensor):
        return
    values = ids.numpy()
    outside = values[(values < 0) | (values >= size)]
    if outside.size:
        raise ValueError(
            f"{name}: expected integers from 0 to {size - 1}, received {outside[0]}"
        )


def known_size(tensor: Any, axis: int) -> int | None:
    """Returns the size of an axis, None where it is not known."""
    shape = _shape(tensor)
    return None if shape.rank is None else shape[axis]


def as_state(
    cell: keras.layers.Layer,
    state: Any,
    batch_size: int | None,
    *,
    name: str = "state",
) -> Any:
    """Returns a state as a nest of tuples of tensors, of the type that the cell has.

    Args:
        cell: any Keras cell.
        state: tensors, arrays or nested lists `[batch, size]`, or of the shape that
            stands in the place of the size, in the structure of the cell's `state_size`;
            a cell with one state takes it bare too.
        batch_size: number of rows that it must have, None where it is not known.
        name: what the state is called in a message.

    Raises:
        TypeError: a part is not made of numbers.
        ValueError: the structure or a shape does not fit.
    """
    if isinstance(cell.state_size, numbers.Integral) and not _is_nest(state):
        return _as_part(cell, state, cell.state_size, batch_size, name)
    sizes = tuple_of_sizes(cell.state_size)
    if len(sizes) == 1 and not isinstance(sizes[0], tuple) and not _is_nest(state):
        state = (state,)
    return _as_nest(cell, state, sizes, batch_size, name)


def _as_nest(cell, state, sizes, batch_size, name):
    if not isinstance(sizes, tuple):
        if not (_is_nest(state) and len(state) == 1 and _rank(state[0]) == 2):
            return _as_part(cell, state, sizes, batch_size, name)
        sizes = (sizes,)  # One state in a nest of its own, as Keras' cells return it.
    if not _is_nest(state) or len(state) != len(sizes):
        expected = f"{len(sizes)} states"
        if any(isinstance(size, tuple) for size in sizes):
            expected = f"the states of {len(sizes)} cells"
        found = len(state) if _is_nest(state) else describe(state)
        raise ValueError(
            f"`{name}` of {cell.name}: expected {expected}, received {found}; the sizes "
            f"are {sizes}"
        )
    parts = [
        _as_nest(cell, part, size, batch_size, name)
        for part, size in zip(state, sizes, strict=True)
    ]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def _as_part(cell, part, size, batch_size, name):
    expected = [batch_size, size]
    text = _text(("batch" if batch_size is None else batch_size, size))
    if isinstance(size, tf.TensorShape):
        expected, text = size, _text(size)
    name = f"`{name}` of {cell.name}"
    part = as_tensor(part, name, f"a tensor {text}")
    shape = _shape(part)
    fits = shape.is_compatible_with(expected)
    if not _is_own(cell):
        fits = not shape.rank or shape[:1].is_compatible_with(expected[:1])
    if not fits:
        raise ValueError(f"{name}: expected shape {text}, received {describe(part)}")
    return as_type_of_state(cell, part)


def as_type_of_state(cell: keras.layers.Layer, part: Any) -> Any:
    """Returns a part of a state of the type that the cell computes with.

    Cells that are made of others leave this to these. Integers are left as they are for
    cells that may count something.
    """
    dtype = getattr(cell, "state_dtype", cell.compute_dtype)
    counts = not getattr(cell, "computes_states", False)
    if dtype is None or (counts and not tf.as_dtype(part.dtype).is_floating):
        return part
    return _cast(part, dtype)


def check_step(cell: keras.layers.Layer, results: Any, states: Any) -> tuple[Any, Any]:
    """Returns what a step of a cell returned: outputs, and states in a nest like `states`.

    Raises:
        ValueError: they are not what a cell must return.
    """
    outputs, new_states = _pair(cell, results)
    _check_outputs(cell, outputs, [_batch_size(states), cell.output_size])
    return outputs, _like(cell, new_states, states)


def check_unrolling(
    cell: keras.layers.Layer, results: Any, state: Any
) -> tuple[Any, Any]:
    """Returns what an unrolling returned; see `check_step`."""
    outputs, final = _pair(cell, results)
    _check_outputs(cell, outputs, [None, _batch_size(state), cell.output_size])
    return outputs, _like(cell, final, state)


def _pair(cell, results):
    if not _is_nest(results) or len(results) != 2:
        raise ValueError(
            f"{_named(cell)}: expected it to return (outputs, states), received "
            f"{describe(results)}"
        )
    return results


def _check_outputs(cell, outputs, expected):
    if not hasattr(outputs, "shape"):
        fits = False
    else:
        fits = _shape(outputs).is_compatible_with(expected)
    if not fits:
        axes = ("time", "batch", cell.output_size)[-len(expected) :]
        raise ValueError(
            f"{_named(cell)}: expected it to return outputs {_text(axes)}, as its "
            f"`output_size` says, received {describe(outputs)}"
        )


def _like(cell, new_states, states):
    """Returns the new states in the structure of the old ones."""
    old, new = tf.nest.flatten(states), tf.nest.flatten(new_states)
    fit = len(old) == len(new) and all(
        hasattr(each, "shape") and _shape(each).is_compatible_with(_shape(before))
        for before, each in zip(old, new, strict=True)
    )
    if not fit:
        raise ValueError(
            f"{_named(cell)}: expected it to return states like those it was given, "
            f"{describe(states)}, received {describe(new_states)}"
        )
    return tf.nest.pack_sequence_as(states, new)


def _batch_size(states):
    """Returns the number of rows of a nest of states, None where it is not known."""
    sizes = (known_size(each, 0) for each in tf.nest.flatten(states) if _rank(each))
    return next((size for size in sizes if size is not None), None)


def as_tensor(value: Any, name: str, expected: str) -> Any:
    """Returns a tensor of numbers; symbolic tensors of Keras are left as they are.

    Raises:
        TypeError: it cannot be one.
    """
    try:
        if not isinstance(value, keras.KerasTensor):
            value = tf.convert_to_tensor(value)
    except (TypeError, ValueError):
        found = describe(value)
        if _is_nest(value):
            found = f"a {type(value).__name__} that is no array of numbers"
        raise TypeError(f"{name}: expected {expected}, received {found}") from None
    dtype = tf.as_dtype(value.dtype)
    if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
        raise TypeError(f"{name}: expected {expected}, received {describe(value)}")
    return value


def describe(value: Any) -> str:
    """Returns type and shape of tensors and arrays, and the names of other types."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{tf.as_dtype(value.dtype).name} {_text(_shape(value))}"
    if _is_nest(value) and 0 < len(value) <= 4:
        return f"({', '.join(map(describe, value))})"
    if value is None:
        return "None"
    return f"a value of type {type(value).__name__}"


def _text(axes) -> str:
    if isinstance(axes, tf.TensorShape):
        if axes.rank is None:
            return "of unknown shape"
        axes = axes.as_list()
    return f"[{', '.join(map(str, axes))}]"


def _named(cell) -> str:
    return f"{cell.name} ({type(cell).__name__})"


def _is_nest(value) -> bool:
    return isinstance(value, (list, tuple))


def _rank(value) -> int | None:
    return _shape(value).rank if hasattr(value, "shape") else None


def _shape(value) -> tf.TensorShape:
    return tf.TensorShape(value.shape)


def _cast(value, dtype):
    if isinstance(value, keras.KerasTensor):
        return value
    return tf.cast(value, dtype)


def _is_own(cell) -> bool:
    """Returns whether the cell keeps the contract of this package's `Cell`."""
    return getattr(cell, "keeps_contract", False)
