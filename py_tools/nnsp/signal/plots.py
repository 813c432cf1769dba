# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of sound."""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.files import written

RATE = 16000
WINDOW = 512
HOP = 128
RANGE_DB = 80.0
THUMBNAIL_COLUMNS = 600


def possible() -> bool:
    """Say whether pictures can be drawn, and on stderr why not."""
    if find_spec("matplotlib"):
        return True
    print(
        "no picture is drawn: matplotlib is not installed (pip install 'nnsp-mcu[evaluate]')", file=sys.stderr
    )
    return False


def spectrogram_db(x: NDArray[np.float32], hop: int = HOP) -> NDArray[np.float64]:
    """Compute a power spectrogram in dB re a full-scale sine.

    Parameters
    ----------
    x : float32[samples] at 16 kHz
    hop : int
        Samples between frames.

    Returns
    -------
    float64[WINDOW // 2 + 1, frames]
    """
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    padded = np.pad(x.astype(np.float64), (WINDOW // 2, WINDOW // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::hop] * window
    amplitude = np.abs(np.fft.rfft(frames, axis=1)).T * 2 / window.sum()
    return np.asarray(20 * np.log10(np.maximum(amplitude, 1e-9)))


def spectrograms(path: Path | str, sounds: dict[str, NDArray[np.float32]]) -> None:
    """Write a PNG with one spectrogram above the other, all on the same colour scale.

    Parameters
    ----------
    sounds : dict of title -> float32[samples] at 16 kHz
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = {title: spectrogram_db(x) for title, x in sounds.items()}
    loudest = np.ceil(max(level.max() for level in levels.values()) / 10) * 10
    figure = Figure(figsize=(10, 0.4 + 2.8 * len(sounds)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(sounds), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, level) in zip(axes, levels.items(), strict=True):
        image = axis.imshow(
            level,
            origin="lower",
            aspect="auto",
            extent=(0, sounds[title].size / RATE, 0, RATE / 2000),
            vmin=loudest - RANGE_DB,
            vmax=loudest,
            cmap="magma",
            interpolation="nearest",
        )
        axis.set_title(title)
        axis.set_ylabel("frequency (kHz)")
    axes[-1].set_xlabel("time (s)")
    figure.colorbar(image, ax=list(axes), label="dB re full-scale sine")
    with written(path) as part:
        figure.savefig(part, format="png")


@dataclass(frozen=True)
class Curves:
    """Scores of one classifier over time, and its events.

    times : float [outputs], in seconds.
    values : float [outputs, labels], from 0 to 1, or NaN for a gap.
    marks : (seconds, label, "event", "begin" or "end") of each event.
    """

    title: str
    labels: tuple[str, ...]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    marks: list[tuple[float, str, str]]


def scores(path: Path | str, x: NDArray[np.float32], classifiers: list[Curves]) -> None:
    """Write a PNG of a sound's spectrogram, where there is any sound, and classifiers' scores below it.

    Parameters
    ----------
    x : float32[samples] at 16 kHz; may be empty
    classifiers : list of Curves
        Events are lines with their label, states are shaded from begin to end.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    panels = len(classifiers) + bool(x.size)
    figure = Figure(figsize=(10, 0.4 + 2.2 * panels), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])
    end = max([0.01, x.size / RATE, *(float(each.times[-1]) for each in classifiers if each.times.size)])
    if x.size:
        level, loudest = spectrogram_db(x), 0.0
        axes[0].imshow(
            level,
            origin="lower",
            aspect="auto",
            extent=(0, x.size / RATE, 0, RATE / 2000),
            vmin=loudest - RANGE_DB,
            vmax=loudest,
            cmap="magma",
            interpolation="nearest",
        )
        axes[0].set_ylabel("frequency (kHz)")
    for axis, each in zip(axes[bool(x.size) :], classifiers, strict=True):
        for label, values in zip(each.labels, each.values.T, strict=True):
            axis.plot(each.times, values, label=label, linewidth=0.9, marker=".", markersize=2)
        begin: float | None = None
        for time, label, kind in each.marks:
            if kind == "event":
                axis.axvline(time, color="black", linewidth=0.8)
                axis.annotate(label, (time, 1.0), rotation=90, va="top", ha="right", fontsize=8)
            elif kind == "begin":
                begin = time
            elif begin is not None:
                axis.axvspan(begin, time, color="grey", alpha=0.25)
                begin = None
        if begin is not None:
            axis.axvspan(begin, end, color="grey", alpha=0.25)
        axis.set_title(each.title)
        axis.set_ylabel("score")
        axis.set_ylim(0, 1)
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    axes[-1].set_xlim(0, end)
    axes[-1].set_xlabel("time (s)")
    with written(path) as part:
        figure.savefig(part, format="png")


def thumbnail(path: Path | str, x: NDArray[np.float32], top_db: float) -> None:
    """Write a PNG that is a spectrogram and nothing else: a pixel per bin and frame, some 600 frames wide.

    Parameters
    ----------
    x : float32[samples] at 16 kHz
    top_db : float
        Brightest level; the darkest is `RANGE_DB` below.
    """
    from matplotlib import colormaps
    from PIL import Image

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    level = spectrogram_db(x, max(HOP, x.size // THUMBNAIL_COLUMNS))[::-1]
    pixels = np.clip((level - top_db + RANGE_DB) * (255 / RANGE_DB), 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    palette = np.asarray(colormaps["magma"](np.arange(256), bytes=True))[:, :3]
    image.putpalette(palette.tobytes())
    with written(path) as part:
        image.save(part, format="PNG")
