"""The run folder: settings, checkpoints, events and results of a run."""

import dataclasses
import errno
import importlib.metadata
import math
import os
import pathlib
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from tfseq import __version__
from tfseq.errors import DataError, UsageError
from tfseq.files import (
    check_own,
    check_writable,
    open_own,
    remove_leftovers,
    try_to_lock,
    write_atomically,
    writing,
)
from tfseq.strict_json import read_json, write_json

PACKAGES = ("tensorflow", "keras", "numpy", "absl-py", "tensorboard")
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# What a run writes beside its settings, by names that other programs may use too.
WRITTEN_FILES = (
    *("vocabulary.txt", "samples.txt", "results.json"),
    *("train/projector_config.pbtxt", "train/embedding.tsv"),
    "train/embedding_names.tsv",
)
# As long as the longest path below the folder that a run writes.
LONGEST_NAME = pathlib.PurePath("checkpoints", "best", *["x" * 60] * 3)


def package_versions() -> dict[str, str]:
    """Returns the versions of Python, of this package and of the packages it needs."""
    versions = {"python": platform.python_version(), "tfseq": __version__}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def counted_in(settings: Mapping[str, Any]) -> str:
    """Returns the name of the setting that gives a run's length."""
    return "num_epochs" if settings.get("num_epochs") else "num_steps"


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The paths and the small files of one run.

    Attributes:
        path: the folder.

    Raises:
        UsageError: the folder has a name that no run can have: it is too long, holds a
            zero byte or is not UTF-8.

    Example:
        folder = RunFolder(pathlib.Path("runs/novel"))
        results = folder.read_results()
    """

    path: pathlib.Path

    def __post_init__(self) -> None:
        """Checks the name."""
        shown = ascii(str(self.path)) if len(str(self.path)) < 80 else "a path"
        try:
            str(self.path).encode("utf-8")
            os.lstat(self.path / LONGEST_NAME)
        except UnicodeEncodeError:
            raise UsageError(
                f"`run_dir`={shown}: found bytes that are not UTF-8, expected a name in "
                "UTF-8; choose another"
            ) from None
        except ValueError:
            raise UsageError(
                f"`run_dir`={shown}: found a zero byte in the name; choose another"
            ) from None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise UsageError(
                    f"`run_dir`: found {shown} of {len(str(self.path))} characters, which "
                    "is too long for this system; choose a shorter one"
                ) from None

    @property
    def config_file(self) -> pathlib.Path:
        """File of all settings, the package versions and the fingerprint of the data."""
        return self.path / "config.json"

    def vocabulary_file(self, name: str = "tokens") -> pathlib.Path:
        """Returns the file of a vocabulary, one token a line."""
        if name == "tokens":
            return self.path / "vocabulary.txt"
        return self.path / f"{name}_vocabulary.txt"

    @property
    def checkpoints(self) -> pathlib.Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def projector(self) -> pathlib.Path:
        """Folder of the projector's files: TensorBoard looks for them beside event files."""
        return self.path / "train"

    @property
    def results_file(self) -> pathlib.Path:
        """File of the run's metrics so far."""
        return self.path / "results.json"

    @property
    def samples_file(self) -> pathlib.Path:
        """File of the texts that were sampled during training."""
        return self.path / "samples.txt"

    def create(self) -> None:
        """Creates the folder.

        Raises:
            UsageError: it cannot be created or written.
        """
        folder = self.path
        try:
            folder.mkdir(parents=True, exist_ok=True)
            check_writable(folder)
            for folder in (self.checkpoints, self.checkpoints / "best"):
                if os.path.lexists(folder):
                    check_writable(folder)
        except OSError as error:
            raise UsageError(
                f"`run_dir`={folder}: {error.strerror}; expected a folder that can be "
                "written; choose another"
            ) from None

    def check_unused(self) -> None:
        """Raises `UsageError` if a new run would write over files that are no run's."""
        others = [path.name for path in sorted(self.path.glob("*_vocabulary.txt"))]
        for name in (*WRITTEN_FILES, *others):
            if os.path.lexists(self.path / name) and not self.config_file.exists():
                raise UsageError(
                    f"`run_dir`={self.path}: found {name} there, but no config.json of a "
                    f"run, so that a new run would write over it; move {name} away, or "
                    "choose another folder"
                )

    def check_there(self) -> None:
        """Raises `DataError` if the folder has been removed or renamed."""
        if not self.config_file.is_file():
            raise DataError(
                f"{self.path}: found no run there any more, expected the folder that this "
                "process trains in; put it back and start the same command again"
            )

    def lock(self) -> BinaryIO:
        """Reserves the folder for this process until the returned file is closed.

        The lock always ends with the process. What killed processes left half written in
        the folder is removed.

        Raises:
            UsageError: another process trains in this folder.
            DataError: in the place of a file that training writes into stands a link or
                something else, or the folder cannot be locked.
        """
        path = self.path / "lock"
        check_own(self.samples_file)
        with writing(path):
            file = open_own(path)
            if not self._reserved(file):
                owner = file.read(100).decode("ascii", "replace").strip() or "unknown"
                file.close()
                raise UsageError(
                    f"`run_dir`={self.path}: found process {owner} training there, "
                    "expected no other; wait for it or choose another folder"
                )
            file.truncate(0)
            file.write(str(os.getpid()).encode("ascii"))
            file.flush()
            remove_leftovers(self.path)
        return file

    @staticmethod
    def _reserved(file: BinaryIO) -> bool:
        try:
            return try_to_lock(file)
        except OSError:
            file.close()
            raise

    def write_config(
        self,
        settings: Mapping[str, Any],
        fingerprint: str,
        vocabularies: Mapping[str, str] | None = None,
        *,
        history: Sequence[Mapping[str, Any]] = (),
        chains: int = 0,
    ) -> None:
        """Writes `config.json`.

        Args:
            settings: all settings by name.
            fingerprint: digest of the data.
            vocabularies: digests of the vocabularies by name.
            history: the settings that were changed while the run went on.
            chains: the number of chains of a run that may go on; 0 for another.
        """
        content = {
            "settings": dict(settings),
            "fingerprint": fingerprint,
            "vocabularies": dict(vocabularies or {}),
            "history": list(history),
            "versions": package_versions(),
            "chains": chains,
        }
        write_atomically(
            self.config_file, write_json(content, indent=2, ascii_only=True) + "\n"
        )

    def read_config(self) -> dict[str, Any]:
        """Returns the content of `config.json`.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            content = read_json(self.config_file.read_bytes())
            if not isinstance(content["settings"], dict):
                raise TypeError
            return content
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.config_file}: {type(error).__name__}, expected the settings of a "
                "run as JSON; restore the file or choose another `run_dir`"
            ) from None

    def read_history(self) -> list[dict[str, Any]]:
        """Returns the history of the run; see `extended_history`.

        Raises:
            DataError: `config.json` is missing or damaged.
        """
        history = self.read_config().get("history", [])  # Older runs have none.
        if not isinstance(history, list) or not all(map(_is_change, history)):
            raise DataError(
                f"{self.config_file}: found `history` in another form, expected a list of "
                "changed settings with their steps; restore the file, or empty the list"
            )
        return history

    def read_chains(self) -> int:
        """Returns the number of chains that the run began with; 0 if there is none.

        Raises:
            DataError: `config.json` is damaged.
        """
        if not self.config_file.exists():
            return 0
        chains = self.read_config().get("chains", 0)
        if type(chains) is not int or chains < 0:
            raise DataError(
                f"{self.config_file}: found chains={chains!r}, expected a whole number "
                "that is not negative; restore the file or choose another `run_dir`"
            )
        return chains

    def write_vocabulary(self, text: str, name: str = "tokens") -> None:
        """Writes the file of a vocabulary.

        Args:
            text: one token a line.
            name: the name of the vocabulary.
        """
        write_atomically(self.vocabulary_file(name), text)

    def check_vocabulary(self, digest: str, name: str, origin: Any) -> None:
        """Compares a vocabulary with the one that the run was started with.

        Args:
            digest: its digest.
            name: the name of the vocabulary.
            origin: where it is from, for the message.

        Raises:
            DataError: it is another one.
        """
        if not self.config_file.exists():
            return
        known = self.read_config().get("vocabularies")
        # Runs of version 0.1 have no digests of their vocabularies.
        expected = known.get(name) if isinstance(known, dict) else None
        if expected not in (None, digest):
            raise DataError(
                f"{origin}: found another vocabulary than the one that the run in "
                f"{self.path} was started with, by the digest in {self.config_file.name}; "
                "restore the file, or start the run's train command again, which writes it "
                "anew from the data"
            )

    def has_fingerprint(self, fingerprint: str) -> bool:
        """Returns whether the run was trained on the data with this fingerprint."""
        return self.read_config().get("fingerprint", fingerprint) == fingerprint

    def check_settings(
        self,
        settings: Mapping[str, Any],
        fixed: Iterable[str],
        fingerprint: str,
        *,
        ways_to_change: Mapping[str, str] | None = None,
    ) -> None:
        """Compares the settings of a resumed run with the saved ones.

        Args:
            settings: all settings by name.
            fixed: the names of the settings that must not change.
            fingerprint: digest of the data.
            ways_to_change: the settings that let another one be changed, by its name.

        Raises:
            UsageError: a fixed setting or the text has changed, or the length is counted in
                steps instead of epochs or the reverse.
        """
        saved = self.read_config()
        counted, given = counted_in(saved["settings"]), counted_in(settings)
        if counted != given:
            raise UsageError(
                f"`{given}`: the run in {self.path} was started with `{counted}`, which "
                f"reads the data in another order; give `{counted}`, or another `run_dir`"
            )
        for name in fixed:
            if name in saved["settings"] and saved["settings"][name] != settings[name]:
                way = (ways_to_change or {}).get(name)
                others = (
                    f"`{way}`, or another `run_dir`" if way else "another `run_dir`"
                )
                raise UsageError(
                    f"`{name}`={settings[name]}: the run in {self.path} has "
                    f"`{name}`={saved['settings'][name]}; give that, or {others}"
                )
        if not self.has_fingerprint(fingerprint):
            raise UsageError(
                f"`run_dir`={self.path}: the text has changed since the run was started; "
                "restore it, or choose another `run_dir`"
            )

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Writes `results.json`; a number that is not finite becomes a string."""
        write_atomically(self.results_file, write_json(results, indent=2) + "\n")

    def read_results(self) -> dict[str, Any]:
        """Returns the content of `results.json`; empty if it is missing or unreadable.

        Numbers that are not finite are numbers again.
        """
        try:
            content = read_json(self.results_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return _with_numbers(content) if isinstance(content, dict) else {}

    def append_samples(self, size: int, step: int, lines: list[str]) -> int:
        """Adds samples after the first `size` bytes of `samples.txt`.

        The rest of the file is cut off: a process that was killed wrote it after its last
        checkpoint.

        Args:
            size: bytes of the file at the last checkpoint.
            step: the step of the samples.
            lines: the samples.

        Returns:
            The new size of the file in bytes.
        """
        with writing(self.samples_file), open_own(self.samples_file) as file:
            file.truncate(min(size, file.seek(0, os.SEEK_END)))
            file.seek(0, os.SEEK_END)
            text = f"step {step}\n" + "".join(f"  {line}\n" for line in lines)
            file.write(text.encode("utf-8"))
            return file.tell()


def _is_change(entry: Any) -> bool:
    """Returns whether a value of JSON is an entry of a history."""
    try:
        pairs = entry["changes"].values()
        return isinstance(entry["step"], int) and all(len(pair) == 2 for pair in pairs)
    except (TypeError, LookupError, AttributeError):
        return False


def _with_numbers(content: Any) -> Any:
    """Returns a value of JSON with numbers in place of "NaN", "Infinity", "-Infinity"."""
    if isinstance(content, dict):
        return {key: _with_numbers(value) for key, value in content.items()}
    return NOT_FINITE.get(content, content) if isinstance(content, str) else content
