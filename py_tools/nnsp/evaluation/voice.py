# SPDX-License-Identifier: BSD-3-Clause
"""Voice activity on mixtures at known ratios of speech to noise: ROC curves and error rates."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.evaluation import pairs
from nnsp.files import written
from nnsp.inference.conversion import detector_table
from nnsp.inference.detection import SCALE, Score
from nnsp.integer.detector import SMOOTHED_FRAC, IntegerDetector
from nnsp.progress import progress
from nnsp.signal import audio, roc
from nnsp.signal.frontend import FrontEnd
from nnsp.signal.roc import Curve
from nnsp.tasks.voice import activity
from nnsp.training.task import Detector


@dataclass(frozen=True)
class Result:
    """Curve and rates over all frames at one ratio.

    Parameters
    ----------
    at : str
    curve : Curve
        Of the smoothed scores, which the detector holds against its threshold.
    missed, false : float
        Shares of the frames with and without speech that the detector decides wrongly, hang-over included.
    frames : int
    """

    at: str
    curve: Curve
    missed: float
    false: float
    frames: int


def evaluate(
    clips: Iterable[pairs.Pair], score: Score, fe: FrontEnd, stride: int, detector: Detector
) -> list[Result]:
    """Score mixtures and compare the decisions with the activity of their clean speech."""
    scores: dict[str, list[NDArray[np.float64]]] = {}
    decided: dict[str, list[NDArray[np.bool_]]] = {}
    there: dict[str, list[NDArray[np.bool_]]] = {}
    decide = IntegerDetector(detector_table(detector), 1)
    for pair in progress(clips, desc="scores", unit="clip", leave=False):
        whole = pair.noisy.size // fe.hop * fe.hop
        found = score(pair.noisy[:whole])
        clean = audio.from_int16(pair.clean[None, :whole])
        decide.reset()
        smoothed = decide.smooth(found)
        scores.setdefault(pair.bucket, []).append(smoothed[:, 0] / (SCALE * 2**SMOOTHED_FRAC))
        decided.setdefault(pair.bucket, []).append(decide.decide(smoothed) > 0)
        there.setdefault(pair.bucket, []).append(activity(fe, clean)[0, ::stride])
    results = []
    for at, parts in scores.items():
        truth, decisions = np.concatenate(there[at]), np.concatenate(decided[at])
        curve = roc.roc(np.concatenate(parts), truth)
        missed, false = 1 - decisions[truth].mean(), decisions[~truth].mean()
        results.append(Result(at, curve, float(missed), float(false), truth.size))
    return results


def table(results: Sequence[Result]) -> str:
    """Return a line of text per ratio."""
    lines = [f"{'mixed at':>10}{'AUC':>8}{'equal error':>13}{'missed':>9}{'false':>8}{'frames':>9}"]
    lines += [
        f"{r.at:>10}{r.curve.auc:>8.4f}{r.curve.equal_error_rate:>13.1%}{r.missed:>9.1%}{r.false:>8.1%}{r.frames:>9}"
        for r in results
    ]
    return "\n".join(lines)


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """Write the curves: a row per ratio and threshold."""
    with written(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["mixed_at", "threshold", "false", "found"])
        for r in results:
            for row in zip(r.curve.threshold[1:], r.curve.false[1:], r.curve.true[1:], strict=True):
                writer.writerow([r.at, *(f"{value:.6g}" for value in row)])


def plot(path: Path, results: Sequence[Result]) -> None:
    """Draw the curves."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.add_subplot(
        xlabel="frames without speech that are taken for it", ylabel="frames with speech that are found"
    )
    for r in results:
        axes.plot(r.curve.false, r.curve.true, label=f"{r.at}: AUC {r.curve.auc:.3f}")
    axes.grid(alpha=0.3)
    axes.legend()
    with written(path) as part:
        figure.savefig(part, format="png", dpi=120)
