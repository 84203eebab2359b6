"""Finding, downloading and checking files."""

import contextlib
import functools
import hashlib
import http.server
import os
import socket
import threading

import pytest

from tfseq.datasets.sources import (
    PublishedFile,
    check_file,
    check_reachable,
    fetch,
    find_file,
    find_or_fetch,
    find_text,
    read_bytes,
)
from tfseq.errors import DataError, UsageError

CONTENT = bytes(range(256)) * 10_000


def published(url, content=CONTENT):
    checksum = hashlib.sha1(content).hexdigest()
    return PublishedFile(
        name="corpus.zip",
        url=url,
        num_bytes=len(content),
        checksum=checksum,
        algorithm="sha1",
    )


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *arguments):
        del arguments


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder that is served on this machine, and its address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "published"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=[0.01])
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_address[1]}/corpus.zip"
        httpd.shutdown()
        thread.join()


def place(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(name)
    return folder / name


def find(data_dir):
    return find_file(("text8", "text8.zip"), "text8", data_dir)


def test_the_folder_itself_then_the_folder_of_the_dataset(tmp_path):
    assert find(tmp_path) is None
    nested_zip = place(tmp_path / "text8", "text8.zip")
    assert find(tmp_path) == nested_zip
    nested = place(tmp_path / "text8", "text8")
    assert find(tmp_path) == nested
    flat_zip = place(tmp_path, "text8.zip")
    assert find(tmp_path) == flat_zip
    assert find(tmp_path / "text8") == nested
    assert find(str(tmp_path / "text8" / "text8")) == nested


def test_without_a_folder_the_environment_names_one(tmp_path, monkeypatch):
    monkeypatch.delenv("TFSEQ_DATA_DIR", raising=False)
    assert find(None) is None
    monkeypatch.setenv("TFSEQ_DATA_DIR", str(tmp_path))
    assert find(None) is None
    path = place(tmp_path, "text8")
    assert find(None) == path
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv("TFSEQ_DATA_DIR", f"~/{tmp_path.name}")
    assert find(None) == path
    assert find_text("text8", None) == path
    other = place(tmp_path / "other", "text8.zip")
    assert find(tmp_path / "other") == other


def test_a_folder_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"`data_dir`: no folder or file .*nowhere"):
        find(tmp_path / "nowhere")
    monkeypatch.setenv("TFSEQ_DATA_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="TFSEQ_DATA_DIR: no folder or file"):
        find(None)


def find_anywhere(server_url, tmp_path, data_dir):
    return find_or_fetch(
        ("corpus", "corpus.zip"),
        "corpora",
        data_dir,
        published=published(server_url),
        cache_dir=tmp_path / "cache",
    )


def test_a_folder_that_has_none_of_the_files_is_refused_at_once(server, tmp_path):
    """It says what was looked for and what was found, and downloads nothing."""
    folder, url = server
    (folder / "corpus.zip").write_bytes(CONTENT)
    data = tmp_path / "data"
    place(data, "notes.csv")
    place(data, ".hidden")
    with pytest.raises(DataError) as error:
        find_anywhere(url, tmp_path, data)
    assert str(error.value) == (
        f"`data_dir`: looked for corpus, corpus.zip in {data} and its folder corpora, found "
        "notes.csv, none fits; name the folder that has one of them, or leave `data_dir` "
        "out for a download"
    )
    assert not (tmp_path / "cache").exists()
    for number in range(9):
        place(data, f"{number}.txt")
    with pytest.raises(
        DataError, match=r"found 0\.txt, 1\.txt, 2\.txt, 3\.txt, 4\.txt, …,"
    ):
        find_anywhere(url, tmp_path, data)
    # What was downloaded before is used.
    whole = fetch(published(url), tmp_path / "cache")
    assert find_anywhere(url, tmp_path, data) == whole


def test_a_folder_of_the_environment_is_named_before_the_download(
    server, tmp_path, monkeypatch, caplog
):
    folder, url = server
    (folder / "corpus.zip").write_bytes(CONTENT)
    data = tmp_path / "data"
    place(data, "other")
    monkeypatch.setenv("TFSEQ_DATA_DIR", str(data))
    path = find_anywhere(url, tmp_path, None)
    assert path.read_bytes() == CONTENT
    (record,) = caplog.records
    assert record.getMessage() == (
        f"looked for corpus, corpus.zip in {data} and its folder corpora, found other, none "
        f"fits; downloading {url} (2,560,000 bytes) to {path}"
    )
    file = place(data, "corpus")
    assert find_anywhere(url, tmp_path, None) == file


def test_a_server_that_does_not_answer_is_one_line(server):
    _, url = server
    check_reachable(url)  # It answers that there is no such file.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(
        DataError, match=f"cannot download http://127.0.0.1:{port}/a"
    ) as error:
        check_reachable(f"http://127.0.0.1:{port}/a")
    assert "\n" not in str(error.value)


def test_a_download_has_the_permissions_of_any_new_file(server, tmp_path):
    folder, url = server
    (folder / "corpus.zip").write_bytes(CONTENT)
    before = os.umask(0o022)
    try:
        path = fetch(published(url), tmp_path / "cache")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_downloaded_once_and_checked(server, tmp_path):
    folder, url = server
    (folder / "corpus.zip").write_bytes(CONTENT)
    path = fetch(published(url), tmp_path / "cache")
    assert path.read_bytes() == CONTENT
    (folder / "corpus.zip").unlink()
    assert fetch(published(url), tmp_path / "cache") == path
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "content", [CONTENT[:-1], CONTENT + b"x", b"x" + CONTENT[1:], b"", b"<html>"]
)
def test_what_is_not_the_published_file_is_not_kept(server, tmp_path, content):
    folder, url = server
    (folder / "corpus.zip").write_bytes(content)
    with pytest.raises(
        DataError, match=r"but the published corpus\.zip has 2560000"
    ) as error:
        fetch(published(url), tmp_path / "cache")
    assert url in str(error.value)
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []


def test_no_answer_names_the_address_and_where_to_put_the_file(server, tmp_path):
    _, url = server
    with pytest.raises(DataError, match="404") as error:
        fetch(published(url), tmp_path / "cache")
    message = str(error.value)
    assert url in message
    assert str(tmp_path / "cache" / "downloads" / "corpus.zip") in message
    assert "`data_dir`" in message
    assert "\n" not in message


def test_a_connection_cut_off_in_the_middle(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(QuietHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{httpd.server_address[1]}/corpus.zip"
        with pytest.raises(DataError, match=r"corpus\.zip"):
            fetch(published(url), tmp_path / "cache")
        thread.join()
    assert list((tmp_path / "cache" / "downloads").iterdir()) == []


def test_an_answer_that_is_not_http(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example.org\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/corpus.zip"
        with pytest.raises(DataError, match="cannot download"):
            fetch(published(url), tmp_path / "cache")
        thread.join()


def test_a_cut_off_file_in_the_cache_is_fetched_again(server, tmp_path):
    folder, url = server
    (folder / "corpus.zip").write_bytes(CONTENT)
    target = tmp_path / "cache" / "downloads" / "corpus.zip"
    target.parent.mkdir(parents=True)
    target.write_bytes(CONTENT[:99])
    assert fetch(published(url), tmp_path / "cache").read_bytes() == CONTENT


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256"])
def test_a_file_is_compared_with_the_published_one(tmp_path, algorithm):
    path = tmp_path / "corpus.zip"
    path.write_bytes(CONTENT)
    checksum = hashlib.new(algorithm, CONTENT).hexdigest()
    whole = PublishedFile(
        name="corpus.zip",
        url="http://x",
        num_bytes=len(CONTENT),
        checksum=checksum,
        algorithm=algorithm,
    )
    check_file(whole, path)
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(
        DataError, match=rf"corpus\.zip: 2560000 bytes with {algorithm} "
    ):
        check_file(whole, path)


def test_an_unreadable_file(tmp_path):
    with (
        pytest.raises(DataError, match="nowhere: cannot read it"),
        contextlib.closing(read_bytes(tmp_path / "nowhere")) as pieces,
    ):
        next(pieces)
