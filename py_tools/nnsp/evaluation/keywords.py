# SPDX-License-Identifier: BSD-3-Clause
"""Keywords in streams: misses at known ratios to noise, over false alarms in hours without any."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.data import filters, mixing
from nnsp.data.corpus import Corpus
from nnsp.data.keywords import end_of
from nnsp.data.mixing import RATE, Mixer
from nnsp.data.mixing_settings import MixingSettings
from nnsp.files import written
from nnsp.inference.detection import Score
from nnsp.integer.detector import DetectorTable, IntegerDetector
from nnsp.progress import progress
from nnsp.signal import audio
from nnsp.signal.frontend import FrontEnd

LEVEL_DB = -26.0  # of active speech, dBFS
ROW_SECONDS = 60
PAUSE_SECONDS = (0.8, 1.2)  # between words
HIGHPASS_HZ = 50.0
CLEAN = math.inf
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99)

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Word:
    """A keyword in a stream: its label's number, and its end in seconds."""

    label: int
    end: float


@dataclass(frozen=True)
class Matched:
    """Words found, each with the event's delay after the word's end in seconds, and counts of the rest.

    Parameters
    ----------
    delays : list of float
    missed, confused : int
        Words without an event, and those with the event of another label.
    false : int
        Events at no word.
    """

    delays: list[float]
    missed: int
    confused: int
    false: int


@dataclass(frozen=True)
class Stream:
    """Sound, its keywords and the ratio it was mixed at. Without words, every event in it is a false alarm."""

    samples: Samples
    words: tuple[Word, ...]
    snr_db: float


@dataclass(frozen=True)
class Point:
    """Results at one threshold: misses and confusions at each ratio, false alarms an hour, delays in seconds."""

    threshold: float
    missed: dict[float, float]
    confused: dict[float, float]
    per_hour: float
    delays: list[float]


def match(words: list[Word], events: list[Word], early: float = 0.3, late: float = 0.7) -> Matched:
    """Find the event of each word: the first one from ``early`` before its end until ``late`` after it.

    An event serves one word. A word whose first event has another label is confused, and missed too.
    """
    free = sorted(events, key=lambda event: event.end)
    delays: list[float] = []
    confused = 0
    for word in sorted(words, key=lambda word: word.end):
        near = [e for e in free if word.end - early <= e.end <= word.end + late]
        if not near:
            continue
        event = next((e for e in near if e.label == word.label), near[0])
        free.remove(event)
        if event.label == word.label:
            delays.append(event.end - word.end)
        else:
            confused += 1
    return Matched(delays, len(words) - len(delays), confused, len(free))


def spoken(
    sounds: Corpus, keywords: Corpus, labels: Sequence[str], snrs_db: Sequence[float], most: int, seed: int
) -> Iterator[Stream]:
    """Yield streams of a minute with keywords between pauses, the same ones at every ratio."""
    rng = np.random.default_rng(seed)
    taken = [
        clip
        for label in labels
        for clip in rng.permutation(np.array([c for c in keywords.clips if c.label == label], object))[:most]
    ]
    order = rng.permutation(len(taken))
    mixer = Mixer(sounds, seed, MixingSettings.plain(noise_only_prob=1.0, level_db=(LEVEL_DB, LEVEL_DB)))
    number, samples = 0, ROW_SECONDS * RATE
    while order.size:
        speech, words, at = np.zeros(samples, np.float32), [], RATE
        while order.size:
            clip = taken[order[0]]
            if at + clip.frames + RATE > samples:
                break
            piece = mixing.normalised(clip, keywords.samples, 0, clip.frames)
            speech[at : at + clip.frames] = piece
            words.append(Word(1 + labels.index(clip.label), (at + end_of(piece)) / RATE))
            at += clip.frames + int(rng.uniform(*PAUSE_SECONDS) * RATE)
            order = order[1:]
        speech *= np.float32(10 ** (LEVEL_DB / 20))
        noise = mixer.row(0, 0, number, samples).noisy
        for snr_db in snrs_db:
            heard = speech
            if snr_db != CLEAN:
                heard = speech + noise * np.float32(mixing.scale_noise(speech, noise, snr_db))
            yield Stream(audio.to_int16(np.clip(heard, -1, 1)), tuple(words), snr_db)
        number += 1


def unspoken(sounds: Corpus, hours: float, seed: int, lowpass_hz: float | None = None) -> Iterator[Stream]:
    """Yield streams of a minute of speech, noise, and both, without keywords; low-passed on request."""
    settings = replace(
        MixingSettings(), snr_db=(0.0, 30.0), clean_only_prob=0.3, noise_only_prob=0.2, mute_prob=0.0
    )
    mixer = Mixer(sounds, seed, settings)
    band = filters.band(HIGHPASS_HZ, lowpass_hz) if lowpass_hz else None
    for row in range(math.ceil(hours * 3600 / ROW_SECONDS)):
        noisy = mixer.row(1, 0, row, ROW_SECONDS * RATE).noisy
        if band is not None:
            (noisy,) = filters.apply(noisy, noisy.size, [band])
        yield Stream(audio.to_int16(np.clip(noisy, -1, 1)), (), CLEAN)


class Spotter:
    """Keeps the smoothed scores of streams and decides them at any threshold.

    Parameters
    ----------
    score : callable
    fe : FrontEnd
    stride : int
    table : DetectorTable
        Of kind event; its threshold is not used.
    labels : int
    """

    def __init__(self, score: Score, fe: FrontEnd, stride: int, table: DetectorTable, labels: int) -> None:
        self.score, self.table, self.labels = score, table, labels
        self._hop, self._second = fe.hop, fe.hop / fe.rate
        self._stride = stride
        self._heard: list[tuple[Stream, NDArray[np.int64]]] = []

    def hear(self, stream: Stream) -> None:
        """Score a stream."""
        whole = stream.samples.size // self._hop * self._hop
        detector = IntegerDetector(self.table, self.labels)
        smoothed = detector.smooth(self.score(stream.samples[:whole]))
        self._heard.append((replace(stream, samples=stream.samples[:0]), smoothed))

    def events(self, smoothed: NDArray[np.int64], threshold: float) -> list[Word]:
        """Return the events at a threshold, each at the end of its frame."""
        table = DetectorTable.quantized(self.table.kind, self.table.smoothing, self.table.hold, threshold)
        decisions = IntegerDetector(table, self.labels).decide(smoothed)
        return [
            Word(int(decisions[t]), (t * self._stride + 1) * self._second) for t in np.flatnonzero(decisions)
        ]

    def at(self, threshold: float) -> Point:
        """Return the results of all streams at a threshold."""
        found: dict[float, list[int]] = {}
        delays: list[float] = []
        alarms, seconds = 0, 0.0
        cleanest = max((stream.snr_db for stream, _ in self._heard if stream.words), default=CLEAN)
        for stream, smoothed in self._heard:
            events = self.events(smoothed, threshold)
            if not stream.words:
                alarms += len(events)
                seconds += len(smoothed) * self._stride * self._second
                continue
            matched = match(list(stream.words), events)
            counts = found.setdefault(stream.snr_db, [0, 0, 0])
            for place, count in enumerate((len(stream.words), matched.missed, matched.confused)):
                counts[place] += count
            if stream.snr_db == cleanest:
                delays += matched.delays
        return Point(
            threshold,
            {snr_db: missed / words for snr_db, (words, missed, _) in found.items()},
            {snr_db: confused / words for snr_db, (words, _, confused) in found.items()},
            alarms / seconds * 3600,
            delays,
        )


def curve(spotter: Spotter, thresholds: Sequence[float]) -> list[Point]:
    """Return a point per threshold."""
    return [spotter.at(threshold) for threshold in progress(thresholds, desc="thresholds", leave=False)]


def _name(snr_db: float) -> str:
    return "clean" if snr_db == CLEAN else f"{snr_db:g} dB"


def table(points: Sequence[Point]) -> str:
    """Return a line of text per threshold."""
    ratios = sorted(points[0].missed, reverse=True)
    head = "".join(f"{_name(r):>9}" for r in ratios)
    lines = [f"{'threshold':>9}{'alarms/h':>10}{head}{'confused':>10}{'delay ms':>10}{'late ms':>9}"]
    for p in points:
        missed = "".join(f"{p.missed[r]:>9.1%}" for r in ratios)
        median, late = np.quantile(p.delays, [0.5, 0.95]) * 1000 if p.delays else (np.nan, np.nan)
        lines.append(
            f"{p.threshold:>9.3f}{p.per_hour:>10.2f}{missed}{p.confused[ratios[0]]:>10.1%}{median:>10.0f}{late:>9.0f}"
        )
    return "\n".join(lines)


def write_csv(path: Path, points: Sequence[Point]) -> None:
    """Write a row per threshold and ratio."""
    with written(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["threshold", "false_alarms_per_hour", "mixed_at", "missed", "confused"])
        for p in points:
            for snr_db, missed in p.missed.items():
                row = (p.threshold, p.per_hour, _name(snr_db), missed, p.confused[snr_db])
                writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in row])


def plot(path: Path, points: Sequence[Point]) -> None:
    """Draw misses over false alarms."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="false alarms an hour", ylabel="keywords missed", xscale="symlog")
    for snr_db in sorted(points[0].missed, reverse=True):
        axes.plot([p.per_hour for p in points], [p.missed[snr_db] for p in points], ".-", label=_name(snr_db))
    axes.set(xlim=(0, None), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    with written(path) as part:
        figure.savefig(part, format="png", dpi=120)
