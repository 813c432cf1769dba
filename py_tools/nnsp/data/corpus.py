# SPDX-License-Identifier: BSD-3-Clause
"""Lists of clips split by speaker and noise source, with all samples decoded once into one file.

A list is a CSV with a row per clip. Its samples lie beside it in a .pcm of the same name: int16, mono,
16 kHz, clip after clip, memory-mapped, so that any number of readers share one copy.
"""

import csv
import hashlib
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from nnsp.data import rooms
from nnsp.errors import UserError
from nnsp.processes import workers
from nnsp.progress import progress
from nnsp.signal import audio, levels

# Folder names that tell one published part of a set from another, not one speaker from another.
PART = re.compile(
    r"(train|dev|test|valid)([-_].*)?|tr|cv|tt|wav\d*|audio|data|speech|noise|music|clean|noisy"
    r"|LibriSpeech|data_thchs30|musan|wham_noise|ESC-50(-master)?",
    re.I,
)
ESC50 = re.compile(r"\d-(\d+)-[A-Z]-(\d+)")
SMALLEST_PEAK = 16  # int16 units: a clip that never gets louder is silence


@dataclass(frozen=True)
class Clip:
    """One recording; offset and frames in samples at 16 kHz, level in active dBFS (noise: rms dBFS)."""

    path: str
    kind: str  # speech | noise | room (an impulse response) | keyword
    group: str  # speaker, noise source or place: never on both sides of the split
    label: str  # noise class or keyword (else the group)
    offset: int = 0
    frames: int = 0
    level_db: float = 0.0
    rate: int = 0  # of the file
    licence: str = ""
    source: str = ""


@dataclass(frozen=True)
class Corpus:
    """The clips of one list, and their samples."""

    clips: tuple[Clip, ...]
    samples: NDArray[np.int16]

    def audio(self, clip: Clip) -> NDArray[np.int16]:
        """int16[clip.frames], read-only."""
        return self.samples[clip.offset : clip.offset + clip.frames]

    def of(self, kind: str) -> list[Clip]:
        """Return the clips of one kind."""
        return [clip for clip in self.clips if clip.kind == kind]


@dataclass(frozen=True)
class Rejected:
    """A file that is not in the lists, and why."""

    path: str
    reason: str


def _published_rows(folder: Path) -> dict[Path, dict[str, str]]:
    """Read the rows of a manifest.csv in the folder or beside it, by file."""
    for place in (folder, folder.parent):
        manifest = place / "manifest.csv"
        if not manifest.is_file():
            continue
        with manifest.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if rows and not {"path", "speaker_or_class"} <= rows[0].keys():
            raise UserError(
                f"{manifest}: has no columns path and speaker_or_class; add them, or rename the file"
            )
        return {(place / row["path"]).resolve(): row for row in rows}
    return {}


def _named_group(kind: str, relative: Path, folder: Path) -> tuple[str, str]:
    """Derive group and label of a file that is in no manifest from its folder and name."""
    folders = [part for part in relative.parts[:-1] if not PART.fullmatch(part)]
    stem = relative.stem
    if kind == "speech":
        # speaker/..., else the speaker leads the name: 19-198-0001, p232_001, A11_0
        group = folders[0] if folders else re.split(r"[-_]", stem)[0]
        return group, group
    if esc50 := ESC50.fullmatch(stem):
        return f"esc50/{esc50[1]}", f"esc50/{esc50[2]}"
    if kind == "room":
        place = "/".join(folders) or folder.name
        return place, place
    label = folders[0] if folders else folder.name
    return f"{folder.name}/{relative.with_suffix('')}", label


def find_clips(folder: Path | str, kind: str) -> list[Clip]:
    """List all sound files below a folder with group, label, source and licence; no file is opened.

    Parameters
    ----------
    folder : path
        A manifest.csv in it or beside it (columns path, speaker_or_class; optional source_repo, licence,
        source_id) names speakers and sources. Otherwise speech is grouped by the first folder below it that
        is no published part (train-clean-100, wav ...) or by the file name up to the first - or _; noise
        is grouped by file and labelled by folder; room responses are grouped by folder.
    kind : 'speech', 'noise' or 'room'

    Raises
    ------
    UserError
        The folder is missing or holds no sound file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of {kind}; give one with sound files in it")
    paths = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in audio.SUFFIXES and path.is_file()
    )
    if not paths:
        raise UserError(
            f"{folder}: holds no sound files ({', '.join(sorted(audio.SUFFIXES))}); is it the right folder?"
        )
    rows = _published_rows(folder)
    clips = []
    for path in paths:
        row = rows.get(path.resolve())
        if row is None:
            group, label = _named_group(kind, path.relative_to(folder), folder)
            clips.append(Clip(str(path.resolve()), kind, group, label, source=folder.name))
            continue
        label, source = row["speaker_or_class"], row.get("source_repo", "")
        group = label if kind != "noise" else f"{source}:{row.get('source_id') or label}"
        clips.append(
            Clip(str(path.resolve()), kind, group, label, licence=row.get("licence", ""), source=source)
        )
    return clips


def _duration(path: str) -> float:
    """Return the seconds that the file's header states, or 0 where it cannot be read (decoding reports it)."""
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, RuntimeError):
        return 0.0


def split(clips: Sequence[Clip], test_share: float, seed: int) -> tuple[list[Clip], list[Clip]]:
    """Divide clips of one kind so that each group is wholly in train or wholly in test.

    Groups are taken in an order hashed from the seed and their name; each goes to test while it fits into
    the test share (of the seconds). Groups called unknown may be many people and stay in train.

    Raises
    ------
    UserError
        There is no second group, or none with a name, so that nothing unseen would be left to test on.
    """
    seconds: dict[str, float] = defaultdict(float)
    for clip in clips:
        seconds[clip.group] += _duration(clip.path)
    order = sorted(
        (group for group in seconds if "unknown" not in group.lower()),
        key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest(),
    )
    if not order or len(seconds) < 2:
        what = {"speech": "speaker", "noise": "source", "room": "place"}[clips[0].kind]
        raise UserError(
            f"all {clips[0].kind} is of one {what} ({clips[0].group}) or unknown, so that nothing unseen "
            f"is left to test on; add another {what} in a folder of its own"
        )
    room = test_share * sum(seconds.values())
    test: set[str] = set()
    for group in order:
        if seconds[group] <= room:
            test.add(group)
            room -= seconds[group]
    if not test:  # every group is larger than the share: the smallest will do
        test.add(min(order, key=lambda group: seconds[group]))
    return [c for c in clips if c.group not in test], [c for c in clips if c.group in test]


def thin(clips: Sequence[Clip], count: int, seed: int) -> list[Clip]:
    """Choose at most `count` clips by a seeded hash of their paths; all if `count` is negative."""
    if count < 0 or count >= len(clips):
        return list(clips)
    chosen = sorted(clips, key=lambda c: hashlib.sha256(f"{seed}:{c.path}".encode()).digest())[:count]
    return sorted(chosen, key=lambda c: c.path)


def _decode(clip: Clip) -> tuple[Clip, NDArray[np.int16]] | Rejected:
    """Decode one clip at 16 kHz; scale it down where it exceeds full scale."""
    try:
        x, rate, _ = audio.load(clip.path)
    except UserError as error:
        return Rejected(clip.path, str(error).removeprefix(f"{clip.path}: "))
    if clip.kind == "room":
        direct = int(np.argmax(np.abs(x)))
        x = x[direct : direct + rooms.LENGTH]
    peak = float(np.abs(x).max())
    if peak < SMALLEST_PEAK / 32768:
        return Rejected(clip.path, "silent")
    if peak > 32767 / 32768 or clip.kind == "room":
        x = x * np.float32(32767 / 32768 / peak)
    power = levels.active_power(x) if clip.kind in ("speech", "keyword") else levels.mean_power(x)
    done = replace(clip, frames=x.size, rate=rate, level_db=round(levels.to_db(power), 2))
    return done, audio.to_int16(x)


def write_list(
    clips: Iterable[Clip], path: Path | str, processes: int = 1
) -> tuple[list[Clip], list[Rejected]]:
    """Decode clips, write their samples to the .pcm and then their rows to the CSV.

    Parameters
    ----------
    path : path
        The CSV; the samples go to the same name with .pcm.
    processes : int
        Decode in so many processes.

    Returns
    -------
    (clips written, files left out)

    Raises
    ------
    UserError
        No clip of some kind could be read, or the disk has no room.
    """
    path, clips = Path(path), list(clips)
    path.parent.mkdir(parents=True, exist_ok=True)
    needed = int(sum(_duration(clip.path) for clip in clips)) * audio.RATE * 2
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise UserError(
            f"{path.parent}: needs {needed / 1e9:.1f} GB for {path.stem}.pcm and has {free / 1e9:.1f}; "
            "give `out` on another disk"
        )
    done: list[Clip] = []
    rejected: list[Rejected] = []
    unfinished = path.with_suffix(".pcm.part")
    offset = 0
    with unfinished.open("wb") as file, workers(processes) as pool:
        results = pool.map(_decode, clips, chunksize=8)
        for result in progress(results, total=len(clips), desc=f"decoding {path.stem}", unit="file"):
            if isinstance(result, Rejected):
                rejected.append(result)
                continue
            clip, samples = result
            samples.tofile(file)
            done.append(replace(clip, offset=offset))
            offset += clip.frames
    for kind in sorted({clip.kind for clip in clips}):
        if not any(clip.kind == kind for clip in done):
            unfinished.unlink()
            first = next(r for r in rejected)
            raise UserError(
                f"none of the {kind} files for {path.name} could be used, e.g. {first.path}: {first.reason}"
            )
    table = path.with_suffix(".csv.part")
    with table.open("w", newline="", encoding="utf-8") as file_csv:
        writer = csv.DictWriter(file_csv, [field.name for field in fields(Clip)])
        writer.writeheader()
        writer.writerows(asdict(clip) for clip in done)
    path.unlink(missing_ok=True)  # never an old table with new samples
    os.replace(unfinished, path.with_suffix(".pcm"))
    os.replace(table, path)
    return done, rejected


def _clip(row: dict[str, str]) -> Clip:
    """Parse a row of a list; raises ValueError or TypeError where it is damaged."""
    numbers = {"offset": int, "frames": int, "rate": int, "level_db": float}
    values: dict[str, Any] = {name: numbers.get(name, str)(text) for name, text in row.items()}
    return Clip(**values)


def load(path: Path | str) -> Corpus:
    """Open a list made by `write_list`.

    Raises
    ------
    UserError
        It is missing, not such a list, empty, or does not match its .pcm.
    """
    path = Path(path)
    again = "make it with data_se.py"
    if not path.is_file():
        raise UserError(f"{path}: no such list of clips; {again}")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != [field.name for field in fields(Clip)]:
            raise UserError(f"{path}: not a list of clips of this version; {again}")
        try:
            clips = tuple(_clip(row) for row in reader)
        except (TypeError, ValueError):
            raise UserError(f"{path}: row {reader.line_num} is damaged; {again}") from None
    samples_path = path.with_suffix(".pcm")
    length = sum(clip.frames for clip in clips)
    if not clips or not samples_path.is_file() or samples_path.stat().st_size != 2 * length:
        raise UserError(
            f"{path}: {samples_path.name} beside it is not the {length} samples it lists; {again}"
        )
    return Corpus(clips, np.memmap(samples_path, np.int16, "r"))
