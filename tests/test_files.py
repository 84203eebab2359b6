"""Files are written whole, through no link, and locks end with the process."""

import ast
import errno
import hashlib
import importlib.util
import os
import pathlib
import stat
import subprocess
import sys
import types

import pytest

import tfseq
from tfseq import files
from tfseq.errors import DataError


@pytest.fixture(name="umask", params=[0o022, 0o002, 0o077])
def fixture_umask(request):
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


def test_the_mode_follows_the_umask(tmp_path, umask):
    files.write_atomically(tmp_path / "a", "text")
    files.open_own(tmp_path / "b").close()
    for name in "ab":
        mode = stat.S_IMODE((tmp_path / name).stat().st_mode)
        assert mode == 0o666 & ~umask


@pytest.mark.parametrize("content", ["", "ä\r\nb\n", b"\xff\0\n", "x" * 3_000_000])
def test_content_and_digest(tmp_path, content):
    path = tmp_path / "file"
    path.write_text("what was there before")
    files.write_atomically(path, content)
    data = content.encode("utf-8") if isinstance(content, str) else content
    assert path.read_bytes() == data
    assert files.digest_of(path) == hashlib.sha256(data).hexdigest()
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_replaced_and_its_target_stays(tmp_path):
    target, path = tmp_path / "target", tmp_path / "link"
    target.write_text("precious")
    path.symlink_to(target)
    files.write_atomically(path, "new")
    assert (target.read_text(), path.read_text()) == ("precious", "new")
    assert not path.is_symlink()


def test_a_failure_leaves_the_old_content_and_no_other_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), files.replacing(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.EDQUOT, "make room there"),
        (errno.EACCES, "see that it can be written"),
        (errno.EROFS, "see that it can be written"),
    ],
)
def test_the_advice_fits_the_failure(tmp_path, number, advice):
    path = tmp_path / "file"
    with pytest.raises(DataError) as caught, files.writing(path):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == (
        f"{path}: could not be written ({os.strerror(number)}); {advice} and start the "
        "same command again"
    )


def make_link(path):
    path.symlink_to(path.with_name("target"))


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (make_link, "a symbolic link"),
        (lambda path: path.mkdir(), "something else"),
        (lambda path: os.mkfifo(path), "something else"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_only_a_regular_file_is_opened(tmp_path, make, found, there):
    if there:
        (tmp_path / "target").write_text("precious")
    make(tmp_path / "own")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(DataError) as caught:
        files.open_own(tmp_path / "own")
    assert str(caught.value) == (
        f"{tmp_path}/own: found {found}, expected a regular file; remove it"
    )
    assert sorted(os.listdir(tmp_path)) == before
    if there:
        assert (tmp_path / "target").read_text() == "precious"


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    files.fresh_name(tmp_path).write_text("half")
    folder = files.fresh_name(tmp_path)
    folder.mkdir()
    (folder / "part").write_text("half")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    files.fresh_name(tmp_path).symlink_to(outside)
    (tmp_path / "notes.tmp").write_text("")
    files.remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["notes.tmp", "outside"]
    assert os.listdir(outside) == ["kept"]


HOLDER = """
import pathlib, sys
from tfseq import files
file = files.open_own(pathlib.Path(sys.argv[1]))
print(files.try_to_lock(file), flush=True)
sys.stdin.read()
"""


def check_a_lock_ends_with_the_process(path, module):
    """Whether a process that holds the lock keeps it exactly until it is killed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "True\n"
    with module.open_own(path) as file:
        assert not module.try_to_lock(file)
        holder.kill()
        holder.communicate()
        assert module.try_to_lock(file)


def test_a_lock_ends_with_the_process(tmp_path):
    check_a_lock_ends_with_the_process(tmp_path / "lock", files)


def windows_locking(descriptor, mode, count):
    """What `msvcrt.locking` does, by the locks of this system."""
    assert (mode, count) == (2, 1)
    assert os.lseek(descriptor, 0, os.SEEK_CUR) > os.fstat(descriptor).st_size
    try:
        files.fcntl.flock(descriptor, files.fcntl.LOCK_EX | files.fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


def test_windows_has_other_locks(tmp_path, monkeypatch):
    windows = types.SimpleNamespace(locking=windows_locking, LK_NBLCK=2)
    monkeypatch.setitem(sys.modules, "fcntl", None)  # An import of it fails.
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    for name in ("O_NOFOLLOW", "O_NONBLOCK"):
        monkeypatch.delattr(os, name)
    spec = importlib.util.spec_from_file_location("files_on_windows", files.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.fcntl is None
    check_a_lock_ends_with_the_process(tmp_path / "lock", module)
    make_link(tmp_path / "own")
    with pytest.raises(DataError, match="found a symbolic link"):
        module.open_own(tmp_path / "own")
    module.write_atomically(tmp_path / "a", "text")
    assert (tmp_path / "a").read_text() == "text"


def test_a_file_system_without_locks_is_no_other_process(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    with files.open_own(tmp_path / "lock") as file, pytest.raises(OSError, match="No"):
        files.try_to_lock(file)


def test_only_this_file_needs_what_one_system_has():
    """Modules that Windows lacks are imported nowhere else in the package."""
    lacking = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"}
    for path in pathlib.Path(tfseq.__file__).parent.rglob("*.py"):
        found = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").split(".")[0])
        assert found & lacking <= ({"fcntl"} if path.name == "files.py" else set()), (
            path
        )
