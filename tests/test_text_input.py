"""How every text is read: decoding, compression, lines, and what is no file."""

import bz2
import gzip
import io
import lzma
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseq.errors import DataError, UsageError
from tfseq.text_input import (
    check_text_file,
    decode_utf8,
    file_names,
    is_stream,
    read_text,
    split_lines,
)

ANY_TEXT = "\ufeffA👩\u200d👧 e\u0301\r\n\u2028\x85\0\U0010ffff\\\n\xa0\r\r\n\ufeff\r"
PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
each_packer = pytest.mark.parametrize("packer", PACKERS)


def cut(data: bytes, length: int) -> list[bytes]:
    return [data[i : i + length] for i in range(0, len(data), length)]


def python_reads(data: bytes) -> str:
    """Python's own rule for a byte order mark and for line ends."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig").read()


@given(
    st.text(st.sampled_from("ab\r\n\ufeff é€") | st.characters(codec="utf-8")),
    st.integers(1, 9),
)
def test_decoding_equals_pythons_however_the_bytes_are_cut(text, length):
    data = text.encode("utf-8")
    pieces = list(decode_utf8(cut(data, length), "story.txt"))
    assert "".join(pieces) == python_reads(data)
    assert "" not in pieces


@pytest.mark.parametrize("length", [1, 2, 3, 5, 1000])
def test_a_text_by_hand(length):
    expected = "A👩\u200d👧 e\u0301\n\u2028\x85\0\U0010ffff\\\n\xa0\n\n\ufeff\n"
    pieces = cut(ANY_TEXT.encode("utf-8"), length)
    assert "".join(decode_utf8(pieces, "story.txt")) == expected


@pytest.mark.parametrize("length", [1, 3, 1000])
@pytest.mark.parametrize(
    ("data", "position"),
    [
        (b"abc\xff", 3),
        ("aé€".encode() + b"\xc3(x", 6),
        ("aé€".encode() + b"\xe2\x82", 6),  # Cut off in the middle of a character.
        ("grüße".encode("latin-1"), 2),
        ("hello".encode("utf-16"), 0),
        (b"ab\xed\xa0\x80", 2),  # A surrogate.
        (b"\xef\xbb\xbfa\r\n\r\n\xff", 8),  # Bytes of the file, mark and all.
    ],
)
def test_what_is_not_utf8_is_named_with_its_place(data, position, length):
    with pytest.raises(DataError, match=rf"story\.txt: not UTF-8 at byte {position} "):
        list(decode_utf8(cut(data, length), "story.txt"))


@given(st.lists(st.text(st.sampled_from("ab\n"))))
def test_lines_equal_those_of_python(pieces):
    expected = "".join(pieces).split("\n")
    if not expected[-1]:
        expected.pop()
    assert list(split_lines(pieces)) == expected
    whole = list(split_lines(pieces, keep_ends=True))
    assert "".join(whole) == "".join(pieces)
    assert [line.removesuffix("\n") for line in whole] == expected


@each_packer
def test_compressed_content_is_read_whatever_the_name(tmp_path, packer):
    text = "grüße\n" * 400_000
    path = tmp_path / "story.txt"
    path.write_bytes(PACKERS[packer](text.encode("utf-8")))
    pieces = list(read_text(path))
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= 1 << 20
    path.write_bytes(PACKERS[packer](b""))
    assert list(read_text(path)) == []


@each_packer
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.98])
def test_compressed_content_that_is_cut_off(tmp_path, packer, kept):
    data = PACKERS[packer](os.urandom(3000).hex().encode())
    path = tmp_path / "story.txt"
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(
        DataError, match=rf"story\.txt: cut off or damaged {packer} file"
    ):
        list(read_text(path))


@each_packer
def test_compressed_content_that_is_damaged(tmp_path, packer):
    data = bytearray(PACKERS[packer](os.urandom(3000).hex().encode()))
    data[len(data) // 2] ^= 0x55
    path = tmp_path / "story.txt"
    path.write_bytes(data)
    with pytest.raises(
        DataError, match=rf"story\.txt: cut off or damaged {packer} file"
    ):
        list(read_text(path))


@pytest.mark.parametrize("text", ["BZh is a name", "\x1f", "BZh9 1AY", "\ufeff"])
def test_a_text_that_begins_like_a_compressed_file(tmp_path, text):
    path = tmp_path / "story.txt"
    path.write_bytes(text.encode("utf-8"))
    assert "".join(read_text(path)) == text.removeprefix("\ufeff")


def test_a_pipe_is_a_stream_and_a_file_is_none(tmp_path):
    pipe, file = tmp_path / "pipe", tmp_path / "file"
    os.mkfifo(pipe)
    file.write_text("text")
    assert (is_stream(pipe), is_stream(file), is_stream(tmp_path)) == (
        True,
        False,
        False,
    )
    check_text_file(pipe, "train_file")  # Does not wait for its other end.
    with open(file) as opened:
        assert is_stream(f"/dev/fd/{opened.fileno()}")
        assert is_stream(f"/proc/self/fd/{opened.fileno()}")
    writer = threading.Thread(target=pipe.write_text, args=["grüße\r\n"])
    writer.start()
    assert "".join(read_text(pipe)) == "grüße\n"
    writer.join()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full"])
def test_a_device_is_refused(device):
    with pytest.raises(UsageError) as error:
        check_text_file(device, "train_file")
    assert str(error.value) == (
        f"`train_file`: found a device at {device}, expected a text (UTF-8); give a file "
        "or a pipe"
    )


def test_names_with_commas():
    there = {"a,b", "c"}.__contains__
    assert file_names("a,b", there) == ["a,b"]
    assert file_names("c,d", there) == ["c", "d"]
    assert file_names("c", there) == ["c"]
    for text in ("a,,b", "a,", ",a", "a, "):
        with pytest.raises(UsageError, match="found an empty name between commas"):
            file_names(text, there)
