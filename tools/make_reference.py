"""Makes the API reference, a folder of web pages, from the docstrings.

    python tools/make_reference.py --output=build/reference

Then open `build/reference/index.html` in a browser. Needs pdoc: `pip install '.[docs]'`.
"""

import importlib
import inspect
import pathlib
import re
import sys
import textwrap
import types
import warnings
from collections.abc import Iterator

from absl import app, flags

import tfseq

OUTPUT = flags.DEFINE_string("output", "build/reference", "Folder to write into.")

EXAMPLE = re.compile(r"^Example:\n((?:[ ].*\n?|\n)+)", re.MULTILINE)


def rooms() -> list[types.ModuleType]:
    """Returns the package and its rooms, whose public names are shown."""
    names = [name for name in tfseq.__all__ if inspect.ismodule(getattr(tfseq, name))]
    return [tfseq, *(importlib.import_module(f"tfseq.{name}") for name in names)]


def show_lazy_names(room: types.ModuleType) -> None:
    """Loads the names that a room loads when they are first used; pdoc looks for them."""
    for name in getattr(room, "__all__", ()):
        vars(room)[name] = getattr(room, name)


def hidden_files(room: types.ModuleType) -> Iterator[str]:
    """Yields the files of a room that are named after a function in them, as patterns."""
    for name in getattr(room, "__all__", ()):
        if inspect.isfunction(getattr(room, name)):
            yield f"!{re.escape(f'{room.__name__}.{name}')}$"


def fence_examples(docstring: str) -> str:
    """Returns a docstring whose example is marked as Python code."""

    def fence(found: re.Match) -> str:
        code = textwrap.dedent(found[1]).strip()
        code = textwrap.indent(f"```python\n{code}\n```", "    ")
        return f"Example:\n{code}\n\n"

    return EXAMPLE.sub(fence, docstring)


def main(_: list[str]) -> None:
    """Writes the pages."""
    try:
        import pdoc
    except ModuleNotFoundError:
        sys.exit("make_reference: needs pdoc; install it with pip install '.[docs]'")
    for room in rooms():
        show_lazy_names(room)
    read_google = pdoc.docstrings.google
    pdoc.docstrings.google = lambda text: read_google(fence_examples(text))
    # Annotations in quotes stay as they are written.
    warnings.filterwarnings("ignore", "Error parsing type annotation")
    pdoc.render.configure(docformat="google", show_source=False)
    hidden = [pattern for room in rooms() for pattern in hidden_files(room)]
    pdoc.pdoc("tfseq", *hidden, output_directory=pathlib.Path(OUTPUT.value))
    print(f"{OUTPUT.value}/index.html")


if __name__ == "__main__":
    app.run(main)
