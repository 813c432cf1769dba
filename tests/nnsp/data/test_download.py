# SPDX-License-Identifier: BSD-3-Clause
"""Downloads from a local server that cuts, lies, forgets and refuses."""

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nnsp.data import download
from nnsp.errors import UserError

CONTENT = np.random.default_rng(0).bytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@dataclass
class Server:
    """What the next requests meet, and what they asked."""

    url: str = ""
    content: bytes = CONTENT
    etag: str = '"one"'
    ranges: bool = True
    length: bool = True
    status: int = 200
    cuts: list[int] = field(
        default_factory=list
    )  # bytes sent before the connection is closed, one per request
    asked: list[str] = field(default_factory=list)  # Range header of each request


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            state.asked.append(asked)
            if state.status != 200:
                self.send_error(state.status)
                return
            start = 0
            if asked and state.ranges and self.headers.get("If-Range", state.etag) == state.etag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(state.content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(state.content)}")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}"
                )
            else:
                self.send_response(200)
            if state.etag:
                self.send_header("ETag", state.etag)
            body = state.content[start:]
            if state.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cuts.pop(0)] if state.cuts else body)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"http://127.0.0.1:{http_server.server_address[1]}/set.tar.gz"
        yield state
        http_server.shutdown()
        thread.join()


def test_whole_file_leaves_nothing_else(server: Server, tmp_path: Path) -> None:
    download.fetch(server.url, tmp_path / "new" / "a", MD5)
    assert (tmp_path / "new" / "a").read_bytes() == CONTENT
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a"]


def test_a_cut_connection_is_taken_up_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000, 50_000]
    download.fetch(server.url, tmp_path / "a", MD5, pause=0.01)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked == ["", "bytes=100000-", "bytes=150000-"]


def test_a_later_run_goes_on_too(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000, 0, 0, 0, 0]
    with pytest.raises(UserError, match="cut off after 100000 of 300000 bytes; the same command goes on"):
        download.fetch(server.url, tmp_path / "a", MD5, pause=0.001)
    assert not (tmp_path / "a").exists()
    server.asked.clear()
    download.fetch(server.url, tmp_path / "a", MD5)
    assert server.asked == ["bytes=100000-"]
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_file_complete_but_unchecked_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(CONTENT)
    download.fetch(server.url, tmp_path / "a", MD5)
    assert server.asked == ["bytes=300000-"] and (tmp_path / "a").is_file()


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [100_000]
    download.fetch(server.url, tmp_path / "a", MD5, pause=0.01)
    assert (tmp_path / "a").read_bytes() == CONTENT and len(server.asked) == 2


def test_a_file_changed_in_between_starts_over(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000, 0, 0, 0, 0]
    with pytest.raises(UserError):
        download.fetch(server.url, tmp_path / "a", pause=0.001)
    server.content, server.etag = CONTENT[::-1], '"two"'
    download.fetch(server.url, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT[::-1]


def test_without_tag_and_checksum_nothing_is_resumed(server: Server, tmp_path: Path) -> None:
    server.etag, server.cuts = "", [100_000]
    download.fetch(server.url, tmp_path / "a", pause=0.01)
    assert server.asked == ["", ""] and (tmp_path / "a").read_bytes() == CONTENT


def test_unknown_length_works(server: Server, tmp_path: Path) -> None:
    server.length = False
    download.fetch(server.url, tmp_path / "a", MD5)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_wrong_checksum_removes_the_file(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match=f"md5 is .* and should be {MD5}; the file is removed"):
        download.fetch(server.url, tmp_path / "a", MD5)
    assert not (tmp_path / "a").exists() and not (tmp_path / "a.part").exists()


def test_the_first_sha256_is_kept_and_held_to(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download.fetch(server.url, tmp_path / "a")
    kept = (tmp_path / "a.sha256").read_text()
    assert kept.split()[0] == hashlib.sha256(CONTENT).hexdigest()
    assert "no published checksum" in capsys.readouterr().out
    download.fetch(server.url, tmp_path / "a")  # there already: checked, not fetched
    assert len(server.asked) == 1
    (tmp_path / "a").unlink()
    server.content = CONTENT[1:]
    with pytest.raises(UserError, match=r"sha256 is .* new edition"):
        download.fetch(server.url, tmp_path / "a")


def test_refusals_are_told_at_once_and_busy_servers_tried_again(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(UserError, match="the server says 404"):
        download.fetch(server.url, tmp_path / "a", MD5)
    assert len(server.asked) == 1
    server.status = 503
    with pytest.raises(UserError, match="503"):
        download.fetch(server.url, tmp_path / "a", MD5, pause=0.001)
    assert len(server.asked) == 1 + download.ATTEMPTS


def test_no_server_and_no_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"refused.*goes on"):
        download.fetch("http://127.0.0.1:9/a", tmp_path / "a", MD5, pause=0.001)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made"):
        download.fetch("http://127.0.0.1:9/a", tmp_path / "file" / "deep" / "a", MD5)


def test_a_full_disk_is_foreseen(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = download.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage._replace(free=299_999))
    with pytest.raises(UserError, match="give `download_folder` on another disk"):
        download.fetch(server.url, tmp_path / "a", MD5)


def tar_of(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def test_tar_and_zip_unpack_alike(tmp_path: Path) -> None:
    (tmp_path / "a.tgz").write_bytes(tar_of(("./set/x/1.wav", b"one"), ("set/2.wav", b"two")))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as pack:
        pack.writestr("set/x/1.wav", b"one")
        pack.writestr("set/2.wav", b"two")
    for archive in ("a.tgz", "b.zip"):
        folder = tmp_path / archive[0]
        download.unpack(tmp_path / archive, folder)
        assert (folder / "set/x/1.wav").read_bytes() == b"one"
        assert (folder / "set/2.wav").read_bytes() == b"two"
        assert not folder.with_name(f"{archive[0]}.part").exists()


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.tgz").write_bytes(tar_of((name, b"x")))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as pack:
        pack.writestr(name, b"x")
    for archive in ("a.tgz", "b.zip"):
        with pytest.raises(UserError, match="leads out of its folder"):
            download.unpack(tmp_path / archive, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*evil*")) and not (tmp_path / "deep" / "out").exists()


def test_links_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
        inside = tarfile.TarInfo("link/x")
        inside.size = 1
        tar.addfile(inside, io.BytesIO(b"x"))
    download.unpack(tmp_path / "a.tar", tmp_path / "out")
    assert not (tmp_path / "out" / "link").is_symlink() and (tmp_path / "out" / "link" / "x").is_file()


def test_damaged_archives_are_said(tmp_path: Path) -> None:
    whole = tar_of(("set/1.wav", CONTENT))
    for number, content in enumerate(
        [b"nonsense" * 100, whole[:100_000], whole[:5000] + b"x" * 500 + whole[5500:]]
    ):
        (tmp_path / f"{number}.tgz").write_bytes(content)
        with pytest.raises(UserError, match="damaged"):
            download.unpack(tmp_path / f"{number}.tgz", tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_get_fetches_once_and_names_the_folders(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = tar_of(("LibriSpeech/dev-clean/84/1/84-1-0.flac", b"sound"))
    md5 = hashlib.md5(server.content).hexdigest()
    local = replace(download.SETS["librispeech_dev"], url=server.url, md5=md5)
    monkeypatch.setitem(download.SETS, "librispeech_dev", local)
    for _ in range(2):
        kinds = download.get("librispeech_dev", tmp_path)
        assert kinds == {"speech": [tmp_path / "librispeech_dev" / "LibriSpeech" / "dev-clean"]}
    assert len(server.asked) == 1
    assert list(kinds["speech"][0].rglob("*.flac"))


def test_names_are_checked() -> None:
    assert download.chosen("0") == download.chosen("") == []
    assert download.chosen("all") == list(download.SETS)
    assert download.chosen("1") == list(download.DEFAULT)
    assert not any("NC" in download.SETS[name].licence for name in download.DEFAULT)
    assert download.chosen("musan, esc50") == ["musan", "esc50"]
    with pytest.raises(UserError, match="`download=timit`: no such data set; known are"):
        download.chosen("timit")
