"""Paths that a reader gives: home folders are expanded, empty names are refused."""

import dataclasses
import os
from typing import Any

from tfseq.errors import UsageError
from tfseq.text_input import file_names


def expand_path(path: str | os.PathLike) -> str:
    """Returns a path with `~` or `~user` at its beginning replaced by the home folder.

    Args:
        path: the path as it was given.

    Raises:
        ValueError: it is empty, holds a null character, is not UTF-8, or there is no such
            home folder.
    """
    text = os.fsdecode(path)
    if not text:
        raise ValueError("found an empty name, expected a path; give one")
    if "\0" in text:
        raise ValueError("found a null character, expected a path; leave it out")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(
            "found bytes that are not UTF-8, expected a name in UTF-8; choose another"
        ) from None
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        home = expanded.partition(os.sep)[0]
        raise ValueError(
            f"found no home folder for {home}; give the whole path, or .{os.sep}{home} "
            "for a folder of that name"
        )
    return expanded


def given_path(name: str, path: Any, several: bool = False) -> str:
    """Returns the path that an argument gives, as `expand_path` does.

    Args:
        name: the name of the argument, for messages.
        path: a string, or an object that stands for a path.
        several: whether it may be several files with commas between them.

    Raises:
        UsageError: it is something else, or no path.

    Example:
        folder = given_path("run_dir", "~/runs/novel")
    """
    if not isinstance(path, str | bytes | os.PathLike):
        raise UsageError(
            f"`{name}`={path}: found {type(path).__name__}, expected a path; give a string"
        )
    try:
        return expand_paths(path) if several else expand_path(path)
    except ValueError as error:
        raise UsageError(f"`{name}`={os.fsdecode(path)}: {error}") from None


def expand_paths(files: str | os.PathLike) -> str:
    """Returns a list of files with commas between them, each as `expand_path` gives it.

    Args:
        files: the names as they were given.

    Raises:
        ValueError: the list is empty, or there is no such home folder.
    """
    first, *others = expand_path(files).split(",")
    others = [expand_path(name) if name.startswith("~") else name for name in others]
    return ",".join([first, *others])


def settings_of_files(record: Any) -> list[str]:
    """Returns the names of the settings of a record that name files of data."""
    return [
        field.name
        for field in dataclasses.fields(record)
        if field.metadata["path"] == "files"
    ]


def resolve_files(files: str) -> str:
    """Returns names of files that hold from any folder.

    Files that are not there stay as they are given: they may be looked up elsewhere.

    Args:
        files: a file, or several with commas between them.

    Raises:
        UsageError: there is an empty name between commas.
    """
    names = file_names(files, os.path.exists)
    return ",".join(
        os.path.abspath(name) if os.path.exists(name) else name for name in names
    )
