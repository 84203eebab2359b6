"""Single files out of archives: whole, damaged, missing and malicious."""

import gzip
import io
import re
import tarfile
import tracemalloc
import zipfile

import pytest

from tfseq.datasets import archives
from tfseq.datasets.archives import (
    is_zip,
    read_tar_member,
    read_tar_members,
    read_zip_member,
)
from tfseq.errors import DataError

CONTENT = bytes(range(256)) * 10_000
MOST = 2 * len(CONTENT)


def write_zip(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_member_is_read_by_its_name_in_pieces(tmp_path):
    path = write_zip(tmp_path / "a.zip", other=b"other", corpus=CONTENT)
    pieces = list(read_zip_member(path, "corpus", MOST))
    assert b"".join(pieces) == CONTENT
    assert len(pieces) == 3
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_member_that_is_not_there(tmp_path):
    path = write_zip(tmp_path / "a.zip", other=b"other")
    with pytest.raises(DataError, match=r"a\.zip: no file 'corpus' in this zip"):
        list(read_zip_member(path, "corpus", MOST))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "data/../../evil"])
def test_a_zip_archive_with_a_path_that_leaves_its_folder_is_refused(tmp_path, name):
    path = write_zip(tmp_path / "a.zip", corpus=CONTENT, **{name: b"evil"})
    with pytest.raises(DataError, match=f"its entry '{name}' leaves the folder"):
        list(read_zip_member(path, "corpus", MOST))
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_cut_off_archive(tmp_path, kept):
    path = write_zip(tmp_path / "a.zip", corpus=CONTENT)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(DataError, match=r"a\.zip: cut off or damaged zip archive"):
        list(read_zip_member(path, "corpus", MOST))


def test_a_damaged_member(tmp_path):
    path = write_zip(tmp_path / "a.zip", corpus=CONTENT)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match="cut off or damaged"):
        list(read_zip_member(path, "corpus", MOST))


def test_an_archive_is_known_by_name_or_content(tmp_path):
    archive = write_zip(tmp_path / "unnamed", corpus=b"x")
    (tmp_path / "text").write_bytes(b"PKunzip is a program")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "cut.zip").write_bytes(b"")
    names = ["unnamed", "text", "empty", "cut.zip"]
    assert [is_zip(tmp_path / name) for name in names] == [True, False, False, True]
    assert is_zip(archive)


def write_tar(path, *members):
    """Members are (name, content) or whole entries."""
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                entry = tarfile.TarInfo(member[0])
                entry.size = len(member[1])
                archive.addfile(entry, io.BytesIO(member[1]))
    return path


@pytest.mark.parametrize("name", ["data/corpus.txt", "./data/corpus.txt"])
def test_a_tar_member_is_read_by_its_name_in_pieces(tmp_path, name):
    path = write_tar(tmp_path / "a.tgz", ("data/other", b"other"), (name, CONTENT))
    pieces = list(read_tar_member(path, "data/corpus.txt", MOST))
    assert b"".join(pieces) == CONTENT
    assert len(pieces) == 3
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_tar_member_that_is_not_there(tmp_path):
    path = write_tar(tmp_path / "a.tgz", ("deep/data/corpus.txt", CONTENT))
    with pytest.raises(DataError, match=r"a\.tgz: no file 'data/corpus\.txt' in"):
        list(read_tar_member(path, "data/corpus.txt", MOST))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_a_tar_member_that_is_no_file(tmp_path, kind):
    (tmp_path / "secret").write_text("secret")
    entry = tarfile.TarInfo("data/corpus.txt")
    entry.type, entry.linkname = kind, str(tmp_path / "secret")
    path = write_tar(tmp_path / "a.tgz", entry)
    with pytest.raises(DataError, match="no file"):
        list(read_tar_member(path, "data/corpus.txt", MOST))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "data/../../evil"])
def test_an_archive_with_a_path_that_leaves_its_folder_is_refused(tmp_path, name):
    path = write_tar(tmp_path / "a.tgz", ("corpus.txt", b"text"), (name, b"evil"))
    with pytest.raises(DataError, match=r"a\.tgz: refused, .*leaves the folder"):
        list(read_tar_member(path, "corpus.txt", MOST))
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0, 1, 300, 9000])
def test_a_cut_off_tar_archive(tmp_path, kept):
    path = write_tar(tmp_path / "a.tgz", ("corpus.txt", CONTENT))
    content = path.read_bytes()
    assert kept < len(content)
    path.write_bytes(content[:kept])
    with pytest.raises(DataError, match=r"a\.tgz: cut off or damaged") as error:
        list(read_tar_member(path, "corpus.txt", MOST))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"<html>Not found</html>", gzip.compress(b"the cat sees .\n" * 500, mtime=0)],
    ids=["page", "text"],
)
def test_what_is_no_tar_archive(tmp_path, content):
    (tmp_path / "a.tgz").write_bytes(content)
    with pytest.raises(DataError) as error:
        list(read_tar_member(tmp_path / "a.tgz", "corpus.txt", MOST))
    assert str(error.value) == (
        f"{tmp_path / 'a.tgz'}: found something else than a gzipped tar archive, expected "
        "the published one; give its name, or the folder that holds it"
    )


def test_what_is_no_zip_archive(tmp_path):
    (tmp_path / "a.zip").write_text("word,count\nthe,3\n")
    with pytest.raises(DataError, match=r"a\.zip: found something else than a zip "):
        list(read_zip_member(tmp_path / "a.zip", "corpus", MOST))


def test_a_zip_member_that_unpacks_to_more_than_it_may_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", corpus=b"0" * 50_000_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"a\.zip: refused, .* than 3,000,000 bytes"):
        next(read_zip_member(path, "corpus", 3_000_000))


def test_a_zip_member_that_is_not_deflated_is_refused(tmp_path):
    """Python unpacks other methods without a bound."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("corpus", CONTENT)
    with pytest.raises(DataError, match=r"a\.zip: cut off or damaged .* than deflate"):
        next(read_zip_member(tmp_path / "a.zip", "corpus", MOST))


def test_a_tar_archive_that_claims_too_much_is_refused_before_it_is_read(tmp_path):
    """Its header speaks of 10 GB; there is next to nothing behind it."""
    entry = tarfile.TarInfo("bomb")
    entry.size = 10_000_000_000
    content = gzip.compress(entry.tobuf() + bytes(10_000))
    (tmp_path / "a.tgz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tgz: refused, .* add up to more"):
        list(read_tar_member(tmp_path / "a.tgz", "corpus.txt", MOST))


def test_a_tar_member_of_negative_size_is_refused(tmp_path):
    """Reading would go back to the header before it, for ever."""
    entry = tarfile.TarInfo("loop")
    entry.size = -1024
    path = write_tar(tmp_path / "a.tgz", ("corpus.txt", CONTENT), entry)
    with pytest.raises(DataError, match="'loop' has -1024 bytes"):
        list(read_tar_member(path, "corpus.txt", MOST))


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_name_of_ten_gigabytes_is_refused_before_it_is_read(tmp_path, kind):
    entry = tarfile.TarInfo("long")
    entry.type, entry.size = kind, 10_000_000_000
    (tmp_path / "a.tgz").write_bytes(
        gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(10_000))
    )
    with pytest.raises(DataError, match=r"a\.tgz: refused, .* add up to more"):
        list(read_tar_member(tmp_path / "a.tgz", "corpus.txt", MOST))


def test_an_archive_of_empty_files_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_ENTRIES", 5)
    path = write_tar(tmp_path / "a.tgz", *((f"{n}.txt", b"") for n in range(6)))
    with pytest.raises(
        DataError, match=r"a\.tgz: refused, for its files are more than 5"
    ):
        list(read_tar_members(path, re.compile("none"), MOST, max_member_bytes=MOST))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_beside_the_member_is_not_followed(tmp_path, kind):
    entry = tarfile.TarInfo("data/link")
    entry.type, entry.linkname = kind, "/etc/passwd"
    path = write_tar(tmp_path / "a.tgz", entry, ("corpus.txt", CONTENT))
    assert b"".join(read_tar_member(path, "corpus.txt", MOST)) == CONTENT
    assert sorted(tmp_path.iterdir()) == [path]


def sparse_header(name, apparent):
    """The header of a GNU sparse file without a byte of content."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:482] = bytes(96)  # No piece of the file is stored,
    header[483:495] = f"{apparent:011o}\0".encode()  # but it claims this size.
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


def test_a_sparse_member_is_refused_whatever_it_claims(tmp_path):
    """Hundreds of bytes would unpack to half a gigabyte of zeros."""
    content = sparse_header("train/pos/0_9.txt", 586_000_000) + bytes(10_240)
    (tmp_path / "a.tgz").write_bytes(gzip.compress(content))
    assert (tmp_path / "a.tgz").stat().st_size < 300
    anything = re.compile(".*")
    with pytest.raises(DataError, match=r"0_9\.txt' is sparse: it claims 586,"):
        list(
            read_tar_members(
                tmp_path / "a.tgz", anything, 1 << 30, max_member_bytes=1 << 30
            )
        )
    with pytest.raises(DataError, match="is sparse"):
        list(read_tar_member(tmp_path / "a.tgz", "corpus.txt", 1 << 30))


def test_one_member_that_is_larger_than_the_largest_is_refused(tmp_path):
    path = write_tar(tmp_path / "a.tgz", ("small", b"abc"), ("large", bytes(50_000)))
    pieces = read_tar_members(path, re.compile(".*"), MOST, max_member_bytes=49_999)
    assert next(pieces) == ("small", b"abc")
    with pytest.raises(
        DataError, match=r"'large' has 50,000 bytes, expected at most 49"
    ):
        next(pieces)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_is_not_held_in_memory_beyond_its_bound(tmp_path, kind):
    """A name of 100 MB packs to 100 kB and is less than the archive may have."""
    entry = tarfile.TarInfo("long")
    entry.type, entry.size = kind, 100_000_000
    packed = gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(100_010_000))
    (tmp_path / "a.tgz").write_bytes(packed)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"a\.tgz: refused"):
        list(read_tar_member(tmp_path / "a.tgz", "corpus.txt", 1 << 30))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


def test_many_members_are_read_within_the_bounds_of_one(tmp_path):
    members = [(f"{number}.txt", bytes([number]) * 70_000) for number in range(20)]
    path = write_tar(tmp_path / "a.tgz", *members)
    found = read_tar_members(path, re.compile(".*"), MOST, max_member_bytes=70_000)
    assert list(found) == members
