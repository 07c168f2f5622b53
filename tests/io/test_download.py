"""Downloads from a server on this machine that misbehaves as told."""

import gzip
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_cnn.io.download import cache_folder, download, is_intact, show_progress

CONTENT = bytes(range(256)) * 700  # several chunks
CHECKSUM = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `content` at every path.

    refuse: how many requests get 503 first. cuts: after how many bytes the next answers break off.
    ranges: whether parts can be asked for. asked: the Range header of each request.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server_port}/file"
        self.reset()

    def reset(self):
        self.content = CONTENT
        self.refuse = 0
        self.cuts = []
        self.ranges = True
        self.asked = []


class Handler(BaseHTTPRequestHandler):
    """One answer of the server."""

    def do_GET(self):
        server = self.server
        wanted = self.headers["Range"]
        server.asked.append(wanted)
        if server.refuse:
            server.refuse -= 1
            return self.send_error(503)
        body = server.content
        start = 0
        if wanted and server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if start >= len(body):
                return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else len(body)
        self.wfile.write(body[start:end])

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def running():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(running):
    running.reset()
    return running


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "folder" / "file.bin"


def get(server, path, **more):
    return download([server.url], path, CHECKSUM, pause=0, **more)


def test_fetches_once_and_leaves_nothing_else(server, path):
    assert get(server, path) == path
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    get(server, path)
    assert len(server.asked) == 1


def test_wrong_bytes_are_never_put_in_place(server, path):
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(RuntimeError, match="checksum is not") as error:
        get(server, path, tries=2)
    assert server.url in str(error.value)
    assert f"place it at {path}" in str(error.value)
    assert len(server.asked) == 2
    assert list(path.parent.iterdir()) == []


def test_tries_again_and_waits_longer_each_time(server, path, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    server.refuse = 3
    download([server.url], path, CHECKSUM, pause=0.5)
    assert path.read_bytes() == CONTENT
    assert waits == [0.5, 1.0, 2.0]


def test_goes_on_where_the_connection_broke(server, path):
    server.cuts = [70_000, 50_000]
    get(server, path)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=70000-", "bytes=120000-"]


def test_a_later_call_goes_on_too(server, path):
    server.cuts = [70_000]
    with pytest.raises(RuntimeError, match=f"ended after 70000 of {len(CONTENT)} bytes"):
        get(server, path, tries=1)
    assert not path.exists()
    get(server, path)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=70000-"


def test_a_server_without_ranges_starts_over(server, path):
    server.ranges = False
    server.cuts = [70_000]
    get(server, path)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=70000-"]


@settings(deadline=None, max_examples=25)
@given(kept=st.integers(0, len(CONTENT)), damage=st.booleans())
def test_whatever_an_old_part_holds(running, tmp_path_factory, kept, damage):
    running.reset()
    path = tmp_path_factory.mktemp("part") / "file.bin"
    old = CONTENT[:kept]
    part = path.with_name("file.bin.part")
    part.write_bytes(bytes(255 - byte for byte in old) if damage else old)
    get(running, path)
    assert path.read_bytes() == CONTENT
    assert not part.exists()


def test_an_old_part_longer_than_the_file(server, path):
    path.parent.mkdir(parents=True)
    path.with_name("file.bin.part").write_bytes(CONTENT + b"more")
    get(server, path)
    assert path.read_bytes() == CONTENT


def test_a_damaged_file_is_replaced(server, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    get(server, path)
    assert path.read_bytes() == CONTENT


def test_the_next_mirror_is_asked_in_the_same_round(server, path):
    closed = "http://127.0.0.1:9/file"  # nothing listens on the discard port
    download([closed, server.url], path, CHECKSUM, tries=1)
    assert path.read_bytes() == CONTENT


def test_the_first_digits_of_a_checksum_are_enough(server, path):
    download([server.url], path, CHECKSUM[:15], pause=0)
    assert is_intact(path, CHECKSUM[:15])
    other = "sha256:" + ("0" if CHECKSUM[7] != "0" else "1")
    assert not is_intact(path, other)


def test_without_a_checksum_the_first_whole_answer_is_the_file(server, path):
    path.parent.mkdir(parents=True)
    path.with_name("file.bin.part").write_bytes(b"of another file")
    server.cuts = [70_000]
    download([server.url], path, None, pause=0)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, None]
    download([server.url], path, None)
    assert len(server.asked) == 2


def test_offline_says_which_file_to_place_where(path):
    urls = ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"]
    with pytest.raises(RuntimeError, match=r"could not download file\.bin") as error:
        download(urls, path, CHECKSUM, tries=2, pause=0)
    message = str(error.value)
    assert "\n" not in message
    assert f"get the file from {urls[0]} or {urls[1]} on another machine" in message
    assert message.endswith(f"place it at {path}")


def test_progress_is_told_and_the_terminal_is_spared(server, path, capsys):
    steps = []
    get(server, path, progress=lambda *step: steps.append(step))
    assert steps[-1] == ("file.bin", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in steps] == sorted({done for _, done, _ in steps})
    show_progress("file.bin", 1, 2)
    assert capsys.readouterr().err == ""


def test_progress_line_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    show_progress("file.bin", 1_500_000, 3_000_000)
    show_progress("file.bin", 3_000_000, None)
    show_progress("file.bin", 3_000_000, 3_000_000)
    lines = capsys.readouterr().err.split("\r")
    assert lines[1:] == ["file.bin: 1.5 of 3.0 MB", "file.bin: 3.0 MB", "file.bin: 3.0 of 3.0 MB\n"]


def test_another_gzip_of_the_same_bytes_is_intact(tmp_path):
    path = tmp_path / "file.gz"
    for level in (1, 9):
        path.write_bytes(gzip.compress(CONTENT, level))
        assert is_intact(path, CHECKSUM)
    path.write_bytes(gzip.compress(CONTENT)[:-9])
    assert not is_intact(path, CHECKSUM)
    path.write_bytes(gzip.compress(CONTENT + b"more"))
    assert not is_intact(path, CHECKSUM)
    path.write_bytes(b"")
    assert not is_intact(path, CHECKSUM)


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_CNN_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TINYGRAD_CNN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "tinygrad_cnn"
