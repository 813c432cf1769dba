# SPDX-License-Identifier: BSD-3-Clause
"""Public speech, noise and room responses: fetched with resume, held to a checksum, unpacked."""

import gzip
import hashlib
import http.client
import os
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from nnsp.errors import UserError
from nnsp.progress import progress

BLOCK = 1 << 20
TIMEOUT = 30.0  # s without a byte
ATTEMPTS = 5  # in a row without a byte gained
PAUSE = 2.0  # s before the first new attempt, doubled each time


@dataclass(frozen=True)
class DataSet:
    """An archive on the network."""

    url: str
    gigabytes: float  # about, of the archive
    md5: str  # published by its makers, or empty: then the first download's sha256 is kept and held to
    licence: str
    folders: tuple[tuple[str, str], ...]  # (kind, folder inside) of what it holds


def _libri(part: str, gigabytes: float, md5: str) -> DataSet:
    url = f"https://www.openslr.org/resources/12/{part}.tar.gz"
    return DataSet(url, gigabytes, md5, "CC-BY-4.0", (("speech", f"LibriSpeech/{part}"),))


SETS = {
    "librispeech_dev": _libri("dev-clean", 0.34, "42e2234ba48799c1f50f24a7926300a1"),
    "librispeech_100": _libri("train-clean-100", 6.4, "2a93770f6d5c6c964bc36631d331a522"),
    "librispeech_360": _libri("train-clean-360", 23.1, "c0e676e450a7ff2f54aeade5171606fa"),
    "thchs30": DataSet(
        "https://www.openslr.org/resources/18/data_thchs30.tgz",
        6.5,
        "2d2252bde5c8429929e1841d4cb95e90",
        "Apache-2.0",
        (("speech", "data_thchs30/data"),),
    ),
    "musan": DataSet(
        "https://www.openslr.org/resources/17/musan.tar.gz",
        11.1,
        "0c472d4fc0c5141eca47ad1ffeb2a7df",
        "CC-BY-4.0 (each file's own in its LICENSE)",
        (("noise", "musan/noise"), ("noise", "musan/music")),
    ),
    "wham": DataSet(
        "https://my-bucket-a8b4b49c25c811ee9a7e8bba05fa24c7.s3.amazonaws.com/wham_noise.zip",
        17.7,
        "",
        "CC-BY-NC-4.0: not for commercial use",
        (("noise", "wham_noise"),),
    ),
    "esc50": DataSet(
        "https://github.com/karolpiczak/ESC-50/archive/master.zip",
        0.65,
        "",
        "CC-BY-NC-3.0: not for commercial use",
        (("noise", "ESC-50-master/audio"),),
    ),
    "rirs_noises": DataSet(
        "https://www.openslr.org/resources/28/rirs_noises.zip",
        1.3,
        "e6f48e257286e05de56413b4779d8ffb",
        "Apache-2.0",
        (("room", "RIRS_NOISES/simulated_rirs"), ("noise", "RIRS_NOISES/pointsource_noises")),
    ),
}


DEFAULT = ("librispeech_100", "musan", "rirs_noises")
"""A corpus to train on: about 19 GB, which may be used commercially."""


def chosen(text: str) -> list[str]:
    """Parse a comma-separated list of names; ``all`` is every set, ``1`` is `DEFAULT`, ``0`` or nothing is none.

    Raises
    ------
    UserError
        An unknown name.
    """
    if text in ("", "0"):
        return []
    if text in ("all", "1"):
        return list(SETS if text == "all" else DEFAULT)
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in SETS:
            raise UserError(f"`download={name}`: no such data set; known are {', '.join(SETS)} and all")
    return names


class _Interrupted(Exception):
    """The connection broke; the bytes received are kept."""


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm)
    with (
        path.open("rb") as file,
        progress(
            total=path.stat().st_size, desc=f"checking {path.name}", unit="B", unit_scale=True, leave=False
        ) as bar,
    ):
        while block := file.read(BLOCK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def _ask(url: str, have: int, tag: str) -> http.client.HTTPResponse | None:
    """Open a URL from byte `have` on, or from the start if the file there is no longer the one of that tag.

    None: there is nothing after byte `have`.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "nnsp"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        if tag:
            request.add_header("If-Range", tag)
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{have}":
            return None
        if error.code >= 500 or error.code in (408, 429):
            raise _Interrupted(f"the server says {error.code} {error.reason}") from None
        raise UserError(
            f"{url}: the server says {error.code} {error.reason}; has the file moved? "
            "Unpack a copy of your own and give its folders with `speech` and `noise`"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(str(getattr(error, "reason", error)) or type(error).__name__) from None
    return response


def _receive(url: str, part: Path, resumable: bool) -> None:
    """Try once to complete `part`; raises `_Interrupted` when cut off.

    Without a tag to tell whether the file is still the same one, it is only `resumable` if a checksum will.
    """
    tag_path = part.with_suffix(".tag")
    tag = tag_path.read_text(encoding="utf-8") if tag_path.is_file() else ""
    have = part.stat().st_size if part.is_file() and (tag or resumable) else 0
    opened = _ask(url, have, tag)
    if opened is None:
        return
    with closing(opened) as response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise _Interrupted("the server sent another part than the one asked for")
        start = have if resumed else 0
        # Only a strong tag or a date lets us ask for the rest of the very same file later.
        tag = response.headers.get("ETag", "")
        tag = response.headers.get("Last-Modified", "") if not tag or tag.startswith("W/") else tag
        tag_path.write_text(tag, encoding="utf-8")
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        room = shutil.disk_usage(part.parent).free
        if total and total - start > room:
            raise UserError(
                f"{part.parent}: {(total - start) / 1e9:.1f} GB are to come and {room / 1e9:.1f} are free; "
                "give `download_folder` on another disk"
            )
        with (
            part.open("ab" if resumed else "wb") as file,
            progress(total=total, initial=start, desc=part.stem, unit="B", unit_scale=True) as bar,
        ):
            while block := _read(response):
                file.write(block)
                bar.update(len(block))
    if total is not None and part.stat().st_size < total:
        raise _Interrupted(f"cut off after {part.stat().st_size} of {total} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    """Read the next block; empty at the end."""
    try:
        return response.read(BLOCK)
    except http.client.IncompleteRead as error:
        return error.partial
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(str(error) or type(error).__name__) from None


def fetch(url: str, path: Path, md5: str = "", pause: float = PAUSE) -> None:
    """Download a file, going on from an earlier attempt, and check it.

    Parameters
    ----------
    path : Path
        Where the whole and checked file will be; `path`.part holds what came so far.
    md5 : str
        Published checksum. Where it is empty, the sha256 of the first download is written to `path`.sha256,
        and later ones are held to it.
    pause : float
        s before the first new attempt.

    Raises
    ------
    UserError
        The folder cannot be made, the server refuses or stays silent, the disk is full, the checksum wrong.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{path.parent}: cannot be made ({error.strerror}); give another `download_folder`"
        ) from None
    part = path.with_name(path.name + ".part")
    if not path.is_file():
        attempts = 0
        while True:
            before = part.stat().st_size if part.is_file() else 0
            try:
                _receive(url, part, bool(md5))
                break
            except _Interrupted as error:
                gained = part.is_file() and part.stat().st_size > before
                attempts = 1 if gained else attempts + 1
                if attempts >= ATTEMPTS:
                    raise UserError(
                        f"{url}: {error}; the same command goes on from where it stopped"
                    ) from None
                print(f"{path.name}: {error}; trying again")
                time.sleep(pause * 2 ** (attempts - 1))
            except OSError as error:
                raise UserError(
                    f"{part}: cannot be written ({error.strerror}); make room and start again"
                ) from None
    arrived = path if path.is_file() else part
    _verify(arrived, path, md5)
    if arrived is part:
        os.replace(part, path)
        part.with_suffix(".tag").unlink(missing_ok=True)


def _verify(arrived: Path, path: Path, md5: str) -> None:
    """Check a file against its published checksum, or the one of its first download."""
    kept = path.with_name(path.name + ".sha256")
    algorithm = "md5" if md5 else "sha256"
    found = _digest(arrived, algorithm)
    expected = md5 or (kept.read_text(encoding="utf-8").split()[0] if kept.is_file() else "")
    if not expected:
        kept.write_text(f"{found}  {path.name}\n", encoding="utf-8")
        print(f"{path.name}: no published checksum is known; its sha256 is kept in {kept.name} for next time")
    elif found != expected:
        arrived.unlink()
        raise UserError(
            f"{path.name}: {algorithm} is {found} and should be {expected}; the file is removed, start again"
            + ("" if md5 else f" (if the set has a new edition, remove {kept.name} first)")
        )


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None, float]]:
    """Yield (name, content or None for a folder, share of the archive done) of each file; links are left out."""
    size = archive.stat().st_size
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as pack:
            entries = pack.infolist()
            for done, entry in enumerate(entries, 1):
                if entry.is_dir():
                    yield entry.filename, None, done / len(entries)
                else:
                    with pack.open(entry) as content:
                        yield entry.filename, content, done / len(entries)
        return
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
        for member in tar:
            if member.isdir():
                yield member.name, None, raw.tell() / size
            elif member.isfile():
                yield member.name, tar.extractfile(member), raw.tell() / size
        while tar.fileobj and tar.fileobj.read(BLOCK):  # to the end, where gzip keeps its checksum
            pass


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip; the folder appears when all is in it.

    Raises
    ------
    UserError
        The archive is damaged, the disk is full, or a name in it would lead out of the folder.
    """
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        with progress(
            total=100, desc=f"unpacking {archive.name}", unit="%", bar_format="{l_bar}{bar}|{elapsed}"
        ) as bar:
            for name, content, done in _members(archive):
                inside = PurePosixPath(name.replace("\\", "/"))
                if inside.is_absolute() or ".." in inside.parts or ":" in "".join(inside.parts[:1]):
                    raise UserError(
                        f"{archive}: holds {name!r}, which leads out of its folder; do not trust it"
                    )
                target = unfinished.joinpath(*inside.parts)
                if content is None:
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with target.open("wb") as file:
                        shutil.copyfileobj(content, file, BLOCK)
                bar.n = 100 * done
                bar.refresh()
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(f"{archive}: damaged ({error}); remove it and start again") from None
    except OSError as error:
        raise UserError(
            f"{unfinished}: cannot be written ({error.strerror}); make room and start again"
        ) from None
    os.replace(unfinished, folder)


def get(name: str, root: Path) -> dict[str, list[Path]]:
    """Provide a data set in ``root/name``; fetch and unpack it if it is not there.

    Returns
    -------
    dict of kind -> folders

    Raises
    ------
    UserError
        As in `fetch` and `unpack`.
    """
    found, folder = SETS[name], root / name
    if not folder.is_dir():
        print(f"{name}: about {found.gigabytes:g} GB from {found.url}, licence {found.licence}")
        suffix = "".join(PurePosixPath(urlsplit(found.url).path).suffixes[-2:])
        archive = root / f"{name}{suffix}"
        fetch(found.url, archive, found.md5)
        unpack(archive, folder)
        print(f"{name}: unpacked in {folder}; {archive.name} is no longer needed")
    kinds: dict[str, list[Path]] = {}
    for kind, inside in found.folders:
        kinds.setdefault(kind, []).append(folder / inside)
    return kinds
