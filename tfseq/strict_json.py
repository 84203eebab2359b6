"""JSON as the standard has it (RFC 8259): numbers are finite, and reading ends with a value.

The standard has no infinity. A number that is not finite is written as a string, `"NaN"`,
`"Infinity"` or `"-Infinity"`, as Protocol Buffers do in JSON; `float` reads each of them.
"""

import json
import math
from typing import Any


def write_json(
    content: Any, *, indent: int | None = None, ascii_only: bool = False
) -> str:
    """Returns a value as JSON.

    Args:
        content: mappings with strings as keys, lists, tuples, strings, numbers, booleans
            and None.
        indent: spaces of a level, one item a line; None for everything in one line.
        ascii_only: whether other characters are written as escapes.

    Example:
        write_json({"loss": 800.0, "perplexity": math.inf})
    """
    return json.dumps(
        _finite(content), indent=indent, ensure_ascii=ascii_only, allow_nan=False
    )


def read_json(text: str | bytes) -> Any:
    """Returns the value of a JSON text.

    Args:
        text: the text; bytes are UTF-8.

    Raises:
        ValueError: it is not JSON, or is nested too deeply.

    Example:
        read_json('{"units": 256}')
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _finite(content: Any) -> Any:
    """Returns the value with strings in place of numbers that are not finite."""
    if isinstance(content, float) and not math.isfinite(content):
        if math.isnan(content):
            return "NaN"
        return "Infinity" if content > 0 else "-Infinity"
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    return content
