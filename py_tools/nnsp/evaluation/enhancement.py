# SPDX-License-Identifier: BSD-3-Clause
"""Scores of several systems on the same clips, per signal-to-noise ratio."""

import csv
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.evaluation.intervals import Estimate, estimate
from nnsp.evaluation.pairs import Pair, Pairs
from nnsp.evaluation.systems import System
from nnsp.files import written
from nnsp.processes import workers
from nnsp.progress import progress
from nnsp.signal import audio, dnsmos, metrics, plots

Samples = NDArray[np.int16]
ALL = "all"
AHEAD = 16  # sounds that wait to be scored
TABLE_METRICS = 4  # side by side on a terminal


@dataclass(frozen=True)
class Result:
    """Scores of one system on one clip."""

    bucket: str
    clip: str
    unit: str
    system: str
    values: dict[str, float]  # name in metrics.LABELS -> score


@dataclass(frozen=True)
class Row:
    """One score of one system in one bucket, and what it gains over the reference."""

    bucket: str
    system: str
    metric: str
    score: Estimate
    gain: Estimate | None  # over the clips for which both are defined


@dataclass(frozen=True)
class Job:
    """One clip of one system to score in a worker process."""

    pair: Pair
    system: str
    estimate: Samples
    dnsmos: Path | None
    sound: Path | None  # wav to write, with a picture beside it
    top_db: float  # of the picture


def _work(job: Job) -> Result | None:
    pair = job.pair
    x = audio.from_int16(job.estimate)
    if job.sound:
        audio.write_wav(job.sound, job.estimate)
        plots.thumbnail(job.sound.with_suffix(".png"), x, job.top_db)
    if job.system == "clean":
        return None
    values = asdict(metrics.score(audio.from_int16(pair.clean), x))
    if job.dnsmos:
        values |= dnsmos.score(job.dnsmos, x)
    return Result(pair.bucket, pair.name, pair.unit, job.system, values)


def evaluate(
    pairs: Pairs | Sequence[Pair],
    systems: Sequence[System],
    dnsmos_path: Path | None = None,
    sounds: dict[str, Path] | None = None,
    processes: int | None = None,
) -> list[Result]:
    """Score each system on each clip.

    Parameters
    ----------
    dnsmos_path : Path, optional
        Network that gives SIG, BAK and OVRL.
    sounds : dict of system -> folder, optional
        Where wavs and pictures of what was heard go; may have 'clean' too.
    processes : int, optional
        That compute scores (default: one per core).
    """
    # Networks run here, one after the other; scores are computed meanwhile in other processes.
    waiting: deque[Future[Result | None]] = deque()
    results = []
    with workers(processes) as pool, progress(total=len(pairs) * len(systems), unit="clip") as bar:

        def take() -> None:
            result = waiting.popleft().result()
            if result:
                results.append(result)
                bar.update()

        for pair in pairs:
            top_db = float(plots.spectrogram_db(audio.from_int16(pair.noisy)).max()) if sounds else 0.0
            made = {system.name: system.enhance(pair) for system in systems}
            if sounds and "clean" in sounds:
                made["clean"] = pair.clean
            for name, samples in made.items():
                sound = sounds[name] / f"{pair.name}.wav" if sounds else None
                waiting.append(pool.submit(_work, Job(pair, name, samples, dnsmos_path, sound, top_db)))
            while len(waiting) > AHEAD:
                take()
        while waiting:
            take()
    return results


def summary(results: Sequence[Result], reference: str | None) -> list[Row]:
    """Return means per bucket and system with their intervals; the last bucket is all clips, where there are several.

    Parameters
    ----------
    reference : str, optional
        System that the gains are over, clip by clip.
    """
    buckets = list(dict.fromkeys(result.bucket for result in results))
    systems = list(dict.fromkeys(result.system for result in results))
    rows = []
    for bucket in [*buckets, ALL] if len(buckets) > 1 else buckets:
        inside = [r for r in results if bucket in (r.bucket, ALL)]
        units = [r.unit for r in inside if r.system == systems[0]]
        for metric in results[0].values:
            columns = {s: np.array([r.values[metric] for r in inside if r.system == s]) for s in systems}
            for system in systems:
                gain = None
                if reference is not None and system != reference:
                    with np.errstate(invalid="ignore"):
                        gain = estimate(columns[system] - columns[reference], units)
                rows.append(Row(bucket, system, metric, estimate(columns[system], units), gain))
    return rows


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """Write a row per clip and system."""
    names = list(results[0].values)
    rows = [[r.bucket, r.clip, r.system, *(f"{r.values[name]:.4f}" for name in names)] for r in results]
    write_table(path, ["bucket", "clip", "system", *names], rows)


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write a row per bucket, system and score: mean, interval and number of clips, and the same of the gain."""
    parts = ("mean", "low", "high", "clips")
    table = []
    for row in rows:
        cells = [row.bucket, row.system, row.metric]
        for one in (row.score, row.gain):
            cells += (
                [f"{one.mean:.4f}", f"{one.low:.4f}", f"{one.high:.4f}", str(one.clips)] if one else [""] * 4
            )
        table.append(cells)
    write_table(path, ["bucket", "system", "metric", *parts, *(f"gain_{part}" for part in parts)], table)


def write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV whole or not at all; make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def text(metric: str, value: Estimate | None, sign: str = "") -> str:
    """Return a mean and its interval as text."""
    if value is None or not value.clips:
        return "-"
    digits = metrics.LABELS[metric][1]
    mean, low, high = (f"{x:{sign}.{digits}f}" for x in (value.mean, value.low, value.high))
    return f"{mean} [{low}, {high}]"


def table(rows: Sequence[Row], reference: str | None) -> str:
    """Return scores and gains as text, with a note of scores that are not defined for all clips."""
    names = list(dict.fromkeys(row.metric for row in rows))
    cells = {(r.bucket, r.system, r.metric): r for r in rows}
    keys = list(dict.fromkeys((row.bucket, row.system) for row in rows))
    left = max(len(f"{bucket:>6} {system}") for bucket, system in keys)
    lines = []
    for start in range(0, len(names), TABLE_METRICS):
        shown = names[start : start + TABLE_METRICS]
        for gains in (False, True):
            body = []
            for bucket, system in keys:
                picked = [cells[bucket, system, name] for name in shown]
                if gains and picked[0].gain is None:
                    continue
                values = [text(r.metric, r.gain, "+") if gains else text(r.metric, r.score) for r in picked]
                body.append(f"{f'{bucket:>6} {system}':{left}}" + _join(values))
            if body:
                lines.append(f"gain over {reference}, clip by clip" if gains else "")
                labels = [metrics.LABELS[name][0] for name in shown]
                lines += [f"{'   SNR system':{left}}" + _join(labels), *body]
    for row in rows:
        clips = max(r.score.clips for r in rows if r.bucket == row.bucket)
        if row.score.clips < clips:
            label, missing = metrics.LABELS[row.metric][0], clips - row.score.clips
            lines.append(
                f"{row.bucket} {row.system}: no {label} for {missing} of {clips} clips, which its mean leaves out"
            )
    return "\n".join(lines).strip("\n")


def _join(cells: Sequence[str]) -> str:
    return "".join(f"  {cell:>23}" for cell in cells)
