"""The cache: its place, and content that is written once."""

import os
import tempfile
from pathlib import Path

import pytest
from damaged_files import WAYS, damage

from tfseq.errors import DataError, UsageError
from tfseq.pipelines.cache_folder import DIGESTS_FILE, cache_root, prepared_content


def test_the_cache_lies_where_the_argument_or_the_environment_says(monkeypatch):
    assert cache_root("/a/b") == Path("/a/b")
    assert cache_root(Path("c")) == Path("c")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_root(None) == Path("/caches/tfseq")
    assert cache_root("/a/b") == Path("/a/b")
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_CACHE_HOME", "~/caches")
    assert cache_root(None) == Path("/home/someone/caches/tfseq")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root(None) == Path("/home/someone/.cache/tfseq")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # Nobody is at home.
    with pytest.raises(
        UsageError, match="`cache_dir`: found no home folder for a cache"
    ):
        cache_root(None)


def load(folder):
    """The number in the folder, if it is a whole one."""
    try:
        digits, end = (folder / "number").read_text().split()
    except (OSError, ValueError):
        return None
    return int(digits) if end == "." else None


def writer(number, written):
    def write(folder):
        written.append(folder)
        (folder / "number").write_text(f"{number} .")

    return write


def test_content_is_written_once_and_then_found(tmp_path):
    written = []
    arguments = {"write": writer(12, written), "load": load}
    assert prepared_content(tmp_path, "one", **arguments) == 12
    assert prepared_content(tmp_path, "one", **arguments) == 12
    assert len(written) == 1
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["one"]
    # Another key is other content, and damage is repaired.
    other = {"write": writer(13, written), "load": load}
    assert prepared_content(tmp_path, "other", **other) == 13
    (tmp_path / "prepared" / "one" / "number").write_text("12")
    assert prepared_content(tmp_path, "one", **arguments) == 12
    assert len(written) == 3
    assert len(list((tmp_path / "prepared").iterdir())) == 2


def test_without_a_folder_the_default_one_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    prepared_content(None, "one", write=writer(1, []), load=load)
    assert load(tmp_path / "tfseq" / "prepared" / "one") == 1


def test_another_process_that_was_faster_is_believed(tmp_path):
    """It has renamed its folder while this one was writing."""

    def write(folder):
        writer(1, [])(folder)
        prepared_content(tmp_path, "one", write=writer(2, []), load=load)

    assert prepared_content(tmp_path, "one", write=write, load=load) == 2
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["one"]


def test_what_cannot_be_loaded_after_writing_is_an_error(tmp_path):
    with pytest.raises(DataError, match="changed while it was written"):
        prepared_content(tmp_path, "one", write=lambda folder: None, load=load)


def test_an_error_of_the_system_names_the_folder_and_leaves_nothing(tmp_path):
    def write(folder):
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(
        DataError, match=r"prepared/one: cannot write the encoded text \(No space"
    ):
        prepared_content(tmp_path, "one", write=write, load=load)
    assert not list((tmp_path / "prepared").iterdir())


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def several(folder):
    """Writes three files of content that looks right in any case."""
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(name.encode() * 1000)


def read_several(folder):
    return {name: (folder / name).read_bytes() for name in ("a", "b", "c")}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", ["a", "b", "c", DIGESTS_FILE])
def test_what_does_not_fit_its_digest_is_written_anew_with_one_warning(
    tmp_path, caplog, name, how
):
    arguments = {"write": several, "load": read_several}
    expected = prepared_content(tmp_path, "one", **arguments)
    folder = tmp_path / "prepared" / "one"
    before = files_of(folder)
    damage(folder / name, how)
    caplog.clear()
    assert prepared_content(tmp_path, "one", **arguments) == expected
    assert files_of(folder) == before
    (record,) = caplog.records
    assert str(folder) in record.getMessage()
    assert "encoding it anew" in record.getMessage()
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == ["one"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3, "sha256": 4}'])
def test_digests_that_are_none_are_damage(tmp_path, content):
    arguments = {"write": several, "load": read_several}
    expected = prepared_content(tmp_path, "one", **arguments)
    digests = tmp_path / "prepared" / "one" / DIGESTS_FILE
    before = digests.read_bytes()
    digests.write_text(content)
    assert prepared_content(tmp_path, "one", **arguments) == expected
    assert digests.read_bytes() == before


@pytest.mark.parametrize(("umask", "folder_mode"), [(0o022, 0o755), (0o002, 0o775)])
def test_permissions_follow_the_umask(tmp_path, umask, folder_mode):
    before = os.umask(umask)
    try:
        prepared_content(tmp_path / "cache", "one", write=writer(1, []), load=load)
    finally:
        os.umask(before)
    paths = [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]
    modes = {path: path.stat().st_mode & 0o777 for path in paths}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {folder_mode}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {
        folder_mode & 0o666
    }


def as_another_account(function):
    """Runs a function in a child process of an account without rights; what it returns."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            result = function()
        except BaseException as error:
            result = f"{type(error).__name__}: {error}"
        os.write(writing, str(result).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading) as file:
        return file.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
class TestAnotherAccount:
    """One cache of two accounts."""

    @pytest.fixture(name="cache")
    def fixture_cache(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            prepared_content(folder, "one", write=writer(1, []), load=load)
            yield Path(folder)

    def read(self, cache, key):
        return as_another_account(
            lambda: prepared_content(cache, key, write=writer(2, []), load=load)
        )

    def test_it_reads_what_the_first_wrote(self, cache):
        assert self.read(cache, "one") == "1"

    def test_it_is_told_where_it_cannot_write(self, cache):
        message = self.read(cache, "other")
        assert message.startswith(f"DataError: {cache}/prepared/other: cannot write")
        assert "Permission denied" in message

    @pytest.mark.parametrize("name", ["one", "one/number", f"one/{DIGESTS_FILE}"])
    def test_what_it_may_not_read_is_no_damage(self, cache, name):
        before = files_of(cache / "prepared" / "one")
        # It may write there, so that it could rename what it cannot read.
        os.chmod(cache / "prepared", 0o777)
        os.chmod(cache / "prepared" / name, 0)
        message = self.read(cache, "one")
        assert message.startswith(f"DataError: {cache}/prepared/one")
        assert "cannot read the encoded text (Permission denied)" in message
        assert "\n" not in message
        os.chmod(cache / "prepared" / name, 0o755)
        assert files_of(cache / "prepared" / "one") == before
        assert [path.name for path in (cache / "prepared").iterdir()] == ["one"]
