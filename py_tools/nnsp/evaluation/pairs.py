# SPDX-License-Identifier: BSD-3-Clause
"""Clips to score on: noisy speech with its clean reference."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsp.data import corpus
from nnsp.data.mixing import Mixer
from nnsp.data.mixing_settings import MixingSettings
from nnsp.errors import UserError
from nnsp.signal import audio, metrics

Samples = NDArray[np.int16]
LEVEL_DB = -26.0  # of active speech, dBFS
LEAD = 1.0  # seconds of noise before the speech of a mixture


@dataclass(frozen=True)
class Pair:
    """A noisy clip with its clean reference, aligned."""

    bucket: str  # rows of the table are grouped by it
    name: str  # a relative path without ending, unlike all others
    unit: str  # clips of one unit (one speech at several ratios) are no independent samples
    noisy: Samples
    clean: Samples


class Pairs:
    """Pairs that are read or mixed one at a time; their number is known."""

    def __init__(self, items: Sequence[Any], make: Callable[..., Pair]) -> None:
        self._items, self._make = items, make

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Pair]:
        return (self._make(*item) for item in self._items)


def mixtures(list_path: Path | str, snrs_db: Sequence[float], count: int, seconds: float, seed: int) -> Pairs:
    """Make seeded mixtures; clip k is the same speech and the same noise at every ratio.

    They begin with a second of noise. Speakers are drawn evenly, noise classes as in training; no rooms, colours or
    changes of speed.
    """
    sounds = corpus.load(list_path)

    def make(snr_db: float, mixer: Mixer, row: int) -> Pair:
        mixture = mixer.row(0, 0, row, round(seconds * audio.RATE))
        unit = f"{row:03d}_{mixture.speakers[0]}_{mixture.noises[0]}".replace("/", "-")
        noisy, clean = audio.to_int16(mixture.noisy), audio.to_int16(mixture.clean)
        return Pair(f"{snr_db:g} dB", f"{snr_db:g}dB/{unit}", unit, noisy, clean)

    mixers = [(snr_db, Mixer(sounds, seed, plain(snr_db, LEAD))) for snr_db in snrs_db]
    return Pairs([(*pair, row) for pair in mixers for row in range(count)], make)


def checked_ratios(snr: str, count: int, seconds: float) -> list[float]:
    """Parse the ratios in dB of `snr`; check it, `clips` and `seconds` for `mixtures`.

    Raises
    ------
    UserError
        They are not.
    """
    if count < 1 or seconds < 1:
        raise UserError("`clips` and `seconds` must be 1 or more")
    try:
        return [float(text) for text in snr.split(",")]
    except ValueError:
        raise UserError(f"`snr={snr}`: expected numbers of dB with commas, as 0,5,10") from None


def plain(snr_db: float, lead: float = 0.0) -> MixingSettings:
    """Return settings for mixtures of recorded speech and noise, optionally after some seconds of noise alone."""
    return MixingSettings.plain(
        snr_db=(snr_db, snr_db),
        level_db=(LEVEL_DB, LEVEL_DB),
        even_speakers=True,
        lead_prob=float(lead > 0),
        lead_seconds=(lead, lead),
    )


def folders(noisy: Path, clean: Path) -> Pairs:
    """Pair recordings of the same names in two folders and below them."""
    paths = [(path, audio.partner(path, clean, noisy)) for path in audio.files(noisy)]
    names = [path.relative_to(noisy).with_suffix("").as_posix() for path, _ in paths]
    return Pairs([("all", name, *pair) for name, pair in zip(names, paths, strict=True)], _read)


def manifest(path: Path) -> Pairs:
    """Read pairs from a CSV with columns noisy, clean and optionally bucket; paths are relative to the CSV.

    Raises
    ------
    UserError
        No such file, no such columns, no rows, or one clip twice.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); give a CSV with columns noisy,clean") from None
    if (
        not rows
        or not {"noisy", "clean"} <= rows[0].keys()
        or not all(r["noisy"] and r["clean"] for r in rows)
    ):
        raise UserError(
            f"{path}: expected a first line noisy,clean or noisy,clean,bucket and a pair of files in each further one"
        )
    items = []
    for row in rows:
        bucket = row.get("bucket") or "all"
        parts = [part for part in Path(row["noisy"]).with_suffix("").parts if part not in ("/", "..")]
        items.append((bucket, "/".join(parts), path.parent / row["noisy"], path.parent / row["clean"]))
    names = [item[1] for item in items]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"{path}: {twice} is there more than once; list every noisy clip once")
    return Pairs(items, _read)


def _read(bucket: str, name: str, noisy_path: Path, clean_path: Path) -> Pair:
    noisy, clean = (audio.to_int16(audio.read(path)) for path in (noisy_path, clean_path))
    if noisy.size != clean.size:
        raise UserError(
            f"{noisy_path} has {noisy.size} samples, {clean_path} {clean.size}; the clean reference must be "
            "the same recording"
        )
    if noisy.size < metrics.SHORTEST:
        raise UserError(
            f"{noisy_path}: {noisy.size / audio.RATE:.2f} s is too short to score; leave out clips of less than half "
            "a second"
        )
    return Pair(bucket, name, name, noisy, clean)
