"""The run folder: settings, checkpoints, events and results of a run."""

import contextlib
import dataclasses
import fcntl
import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from tfseq import __version__
from tfseq.errors import DataError, UsageError

PACKAGES = ("tensorflow", "keras", "numpy", "absl-py", "tensorboard")


def package_versions() -> dict[str, str]:
    """Returns the versions of Python, of this package and of the packages it needs."""
    versions = {"python": platform.python_version(), "tfseq": __version__}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


@contextlib.contextmanager
def writing(path: pathlib.Path) -> Iterator[None]:
    """Turns a failure to write within the block into a `DataError` that names the file.

    Args:
        path: the file that the block writes.

    Raises:
        DataError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path}: could not be written ({error.strerror}); make room there and start "
            "the same command again"
        ) from None


def write_atomically(path: pathlib.Path, content: str) -> None:
    """Writes a text file; a reader finds the old content or the new one, never a mixture.

    Args:
        path: the file.
        content: the whole text.

    Raises:
        DataError: it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


def counted_in(settings: Mapping[str, Any]) -> str:
    """Returns the name of the setting that gives a run's length."""
    return "num_epochs" if settings.get("num_epochs") else "num_steps"


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The paths and the small files of one run.

    Attributes:
        path: the folder.

    Example:
        folder = RunFolder(pathlib.Path("runs/novel"))
        results = folder.read_results()
    """

    path: pathlib.Path

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
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink(missing_ok=True)  # Another process may have done it.
        except OSError as error:
            raise UsageError(
                f"`run_dir`={self.path}: {error.strerror}; expected a folder that can be "
                "written; choose another"
            ) from None

    def check_there(self) -> None:
        """Raises `DataError` if the folder has been removed or renamed."""
        if not self.config_file.is_file():
            raise DataError(
                f"{self.path}: found no run there any more, expected the folder that this "
                "process trains in; put it back and start the same command again"
            )

    def lock(self) -> TextIO:
        """Reserves the folder for this process until the returned file is closed.

        The lock always ends with the process.

        Raises:
            UsageError: another process trains in this folder.
        """
        file = open(self.path / "lock", "a+", encoding="utf-8")  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise UsageError(
                f"`run_dir`={self.path}: found process {owner} training there, expected "
                "no other; wait for it or choose another folder"
            ) from None
        with writing(self.path / "lock"):
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        return file

    def write_config(self, settings: Mapping[str, Any], fingerprint: str) -> None:
        """Writes `config.json`.

        Args:
            settings: all settings by name.
            fingerprint: digest of the data.
        """
        content = {
            "settings": dict(settings),
            "fingerprint": fingerprint,
            "versions": package_versions(),
        }
        write_atomically(self.config_file, json.dumps(content, indent=2) + "\n")

    def read_config(self) -> dict[str, Any]:
        """Returns the content of `config.json`.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            content = json.loads(self.config_file.read_text(encoding="utf-8"))
            if not isinstance(content["settings"], dict):
                raise TypeError
            return content
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.config_file}: {type(error).__name__}, expected the settings of a "
                "run as JSON; restore the file or choose another `run_dir`"
            ) from None

    def write_vocabulary(self, text: str, name: str = "tokens") -> None:
        """Writes the file of a vocabulary.

        Args:
            text: one token a line.
            name: the name of the vocabulary.
        """
        write_atomically(self.vocabulary_file(name), text)

    def has_fingerprint(self, fingerprint: str) -> bool:
        """Returns whether the run was trained on the data with this fingerprint."""
        return self.read_config().get("fingerprint", fingerprint) == fingerprint

    def check_settings(
        self, settings: Mapping[str, Any], fixed: Iterable[str], fingerprint: str
    ) -> None:
        """Compares the settings of a resumed run with the saved ones.

        Args:
            settings: all settings by name.
            fixed: the names of the settings that must not change.
            fingerprint: digest of the data.

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
                raise UsageError(
                    f"`{name}`={settings[name]}: the run in {self.path} was started with "
                    f"`{name}`={saved['settings'][name]}; give that, or another `run_dir`"
                )
        if not self.has_fingerprint(fingerprint):
            raise UsageError(
                f"`run_dir`={self.path}: the text has changed since the run was started; "
                "restore it, or choose another `run_dir`"
            )

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Writes `results.json`."""
        write_atomically(self.results_file, json.dumps(results, indent=2) + "\n")

    def read_results(self) -> dict[str, Any]:
        """Returns the content of `results.json`; empty if it is missing or unreadable."""
        try:
            content = json.loads(self.results_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

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
        with writing(self.samples_file), open(self.samples_file, "ab") as file:
            file.truncate(min(size, file.tell()))
            file.seek(0, os.SEEK_END)
            text = f"step {step}\n" + "".join(f"  {line}\n" for line in lines)
            file.write(text.encode("utf-8"))
            return file.tell()
