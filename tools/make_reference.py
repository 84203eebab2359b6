"""Makes the API reference, a folder of web pages, from the docstrings.

    python tools/make_reference.py --output=build/reference

Then open `build/reference/index.html`. Needs pdoc: `pip install '.[docs]'`.
"""

import importlib
import inspect
import pathlib
import re
import sys
import textwrap

from absl import app, flags

import tfseq

OUTPUT = flags.DEFINE_string("output", "build/reference", "Folder to write into.")

EXAMPLE = re.compile(r"^Example:\n((?:[ ].*\n?|\n)+)", re.MULTILINE)


def rooms() -> list[str]:
    """Returns the package and its rooms, the modules whose public names are shown."""
    return ["tfseq", *(f"tfseq.{name}" for name in tfseq.__all__ if is_room(name))]


def is_room(name: str) -> bool:
    """Tells whether a public name of the package is a module."""
    return inspect.ismodule(getattr(tfseq, name))


def load_names(room: str) -> None:
    """Puts the names that a room loads when they are first used where pdoc finds them."""
    module = importlib.import_module(room)
    for name in getattr(module, "__all__", ()):
        vars(module).setdefault(name, getattr(module, name))


def fence_examples(docstring: str) -> str:
    """Returns a docstring whose example is marked as Python code."""

    def fence(found: re.Match) -> str:
        code = textwrap.indent(textwrap.dedent(found[1]).strip(), "    ")
        return f"Example:\n    ```python\n{code}\n    ```\n\n"

    return EXAMPLE.sub(fence, docstring)


def main(_: list[str]) -> None:
    """Writes the pages."""
    try:
        import pdoc
    except ModuleNotFoundError:
        sys.exit("make_reference: needs pdoc; install it with pip install '.[docs]'")
    for room in rooms():
        load_names(room)
    pdoc.render.configure(docformat="google", show_source=False, search=True)
    pdoc.pdoc(*rooms(), output_directory=pathlib.Path(OUTPUT.value))
    print(f"{OUTPUT.value}/index.html")


if __name__ == "__main__":
    app.run(main)
