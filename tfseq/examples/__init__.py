"""Small trained runs that come with the package: `example:NAME` names them as run folders.

README.md beside this file says what they are, and how they were made.
"""

import difflib
import pathlib

from tfseq.errors import UsageError

PREFIX = "example:"
_FOLDER = pathlib.Path(__file__).parent


def example_names() -> list[str]:
    """Returns the names of the runs, each that of the recipe that trained it."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/config.json"))


def is_example(run_dir: str) -> bool:
    """Returns whether the name of a run folder is that of a run of the package."""
    return run_dir.startswith(PREFIX)


def find_run(run_dir: str) -> str:
    """Returns the folder of a run: an example's own for `example:NAME`, others as they are.

    Args:
        run_dir: the run folder as it was given.

    Raises:
        UsageError: there is no example of that name.

    Example:
        folder = RunFolder(pathlib.Path(find_run("example:english")))
    """
    if not is_example(run_dir):
        return run_dir
    name, names = run_dir.removeprefix(PREFIX), example_names()
    if name not in names:
        similar = difflib.get_close_matches(name, names, n=1)
        advice = f"did you mean {PREFIX}{similar[0]}?" if similar else "choose one"
        expected = " or ".join(f"{PREFIX}{each}" for each in names)
        raise UsageError(
            f"`run_dir`={run_dir}: found no run of that name in the package, expected "
            f"{expected}; {advice}"
        )
    return str(_FOLDER / name)


def refuse_example(run_dir: str) -> None:
    """Raises `UsageError` if a folder to write to has the name of a run of the package."""
    if is_example(run_dir):
        raise UsageError(
            f"`run_dir`={run_dir}: found a run of the package, which is only read; choose "
            "another folder to write to"
        )
