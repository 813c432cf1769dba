# SPDX-License-Identifier: BSD-3-Clause
"""Recognisers over seeds and folds: one run each, the table of their means and deviations, and its picture."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.data.clips import SPLITS
from nnsp.files import written

BASELINE = "logistic regression"
SMALLEST_SCORE = 2.0**-15

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Result:
    """One network, trained once.

    Loss and accuracy are those of the floating-point network on train, validation and test; ``c_accuracy`` is that of
    the integers in C on test, ``c_agrees`` the share of test clips on which both decide alike, ``numpy_equal`` that on
    which NumPy gives the same scores to the bit, where that was looked at. ``confusion`` is [class, decision] of C
    (of the baseline: its own) on test.
    """

    network: str
    fold: str
    seed: int
    parameters: int
    kilobytes: float
    seconds: float
    loss: dict[str, float]
    accuracy: dict[str, float]
    c_accuracy: float | None
    c_agrees: float | None
    numpy_equal: float | None
    labels: tuple[str, ...]
    confusion: list[list[int]]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        with written(path) as part:
            part.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Read what `write` wrote."""
        form = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**form, "labels": tuple(form["labels"])})


def cross_entropy(scores: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """Return the mean cross entropy over clips of scores [clips, labels]."""
    return float(-np.log(scores[np.arange(len(classes)), classes] + SMALLEST_SCORE).mean())


def confusion(decided: NDArray[np.int64], classes: NDArray[np.int64], labels: int) -> list[list[int]]:
    """Count the clips of each class (rows) by decision (columns)."""
    counts = np.zeros((labels, labels), np.int64)
    np.add.at(counts, (classes, decided), 1)
    return [[int(n) for n in row] for row in counts]


def statistics(sounds: Sequence[Floats], rate: int) -> Floats:
    """Return the mean and deviation of 13 MFCC over each clip, [clips, 26]."""
    import librosa

    rows = []
    for x in sounds:
        padded = np.pad(x, (0, max(0, 512 - x.size)))
        c = librosa.feature.mfcc(y=padded, sr=rate, n_mfcc=13, n_fft=512, hop_length=160, n_mels=40)
        rows.append(np.concatenate([c.mean(axis=1), c.std(axis=1)]))
    return np.array(rows, np.float32)


def mean_and_deviation(values: Sequence[float], scale: float = 1.0, digits: int = 1) -> str:
    """Return 'm ± d'; the deviation is that of single runs."""
    x = np.array(values) * scale
    deviation = x.std(ddof=1) if len(x) > 1 else 0.0
    return f"{x.mean():.{digits}f} ± {deviation:.{digits}f}"


def columns(results: Sequence[Result]) -> dict[str, str]:
    """Return the row of one network: headings and cells."""
    first = results[0]
    row = {"network": first.network, "runs": str(len(results))}
    if first.parameters:
        row["parameters"] = str(first.parameters)
        row["kB"] = f"{first.kilobytes:.1f}"
    row["training s"] = mean_and_deviation([r.seconds for r in results], digits=0)
    for name in SPLITS:
        row[f"loss {name}"] = mean_and_deviation([r.loss[name] for r in results], digits=3)
    for name in SPLITS:
        row[f"% {name}"] = mean_and_deviation([r.accuracy[name] for r in results], 100)
    for heading, field in (("% test in C", "c_accuracy"), ("% C = float", "c_agrees")):
        values = [getattr(r, field) for r in results if getattr(r, field) is not None]
        row[heading] = mean_and_deviation(values, 100) if values else ""
    values = [r.numpy_equal for r in results if r.numpy_equal is not None]
    row["% C = NumPy"] = f"{100 * min(values):g}" if values else ""
    return row


def table(results: Sequence[Result]) -> str:
    """Return all networks as a Markdown table, with the test accuracy of each fold where there are folds."""
    rows = [columns(part) for part in _by(results, "network").values()]
    text = [_markdown(rows)]
    folds = _by(results, "fold")
    if len(folds) > 1:
        rows = []
        for fold, part in folds.items():
            row = {"% test": fold}
            for network, runs in _by(part, "network").items():
                row[network] = mean_and_deviation([r.accuracy["test"] for r in runs], 100)
                deployed = [r.c_accuracy for r in runs if r.c_accuracy is not None]
                if deployed:
                    row[f"{network} in C"] = mean_and_deviation(deployed, 100)
            rows.append(row)
        text.append(_markdown(rows))
    return "\n\n".join(text) + "\n"


def write(folder: Path, results: Sequence[Result]) -> str:
    """Write comparison.csv (a row per run), .md and .png into the folder; return the table as text."""
    flat = []
    for r in results:
        row = {k: v for k, v in asdict(r).items() if k not in ("loss", "accuracy", "labels", "confusion")}
        row |= {f"loss_{name}": r.loss[name] for name in SPLITS}
        row |= {f"accuracy_{name}": r.accuracy[name] for name in SPLITS}
        flat.append(row)
    with written(folder / "comparison.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(flat[0]))
        writer.writeheader()
        writer.writerows(flat)
    text = table(results)
    with written(folder / "comparison.md") as part:
        part.write_text(text, encoding="utf-8")
    _plot(folder / "comparison.png", results)
    return text


def _by(results: Sequence[Result], field: str) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(getattr(result, field), []).append(result)
    return groups


def _markdown(rows: Sequence[dict[str, str]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, [":--", *["--:"] * (len(names) - 1)], *([row.get(n, "") for n in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plot(path: Path, results: Sequence[Result]) -> None:
    """Draw the accuracy of every run, and the confusion of each network over all its runs."""
    from matplotlib.figure import Figure

    networks = _by(results, "network")
    figure = Figure(figsize=(4.5 * (1 + len(networks)), 5.5), layout="constrained")
    first, *rest = figure.subplots(1, 1 + len(networks))
    for place, runs in enumerate(networks.values()):
        for offset, name in enumerate(SPLITS):
            values = [100 * r.accuracy[name] for r in runs]
            label = name if place == 0 else None
            first.scatter(
                [place + 0.2 * (offset - 1)] * len(runs), values, s=14, color=f"C{offset}", label=label
            )
    first.set(ylabel="accuracy, %")
    first.set_xticks(range(len(networks)), list(networks), rotation=20, ha="right")
    first.grid(alpha=0.3, axis="y")
    first.legend()
    for axes, (network, runs) in zip(rest, networks.items(), strict=True):
        counts = np.sum([r.confusion for r in runs], axis=0)
        axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
        labels = runs[0].labels
        for i, row in enumerate(counts):
            for j, count in enumerate(row):
                if count:
                    shade = "white" if 2 * count > row.sum() else "black"
                    axes.text(j, i, str(count), ha="center", va="center", fontsize=6, color=shade)
        axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
        axes.set_yticks(range(len(labels)), labels, fontsize=7)
        axes.set(title=network, xlabel="decided (test)", ylabel="class")
    with written(path) as part:
        figure.savefig(part, format="png", dpi=110)
