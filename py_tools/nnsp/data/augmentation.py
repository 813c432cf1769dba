# SPDX-License-Identifier: BSD-3-Clause
"""Clips as training sees them: other voices, levels, microphones and noise, drawn again each time."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from nnsp.data import filters, noises
from nnsp.data.mixing import GAUSSIAN_TILT_DB, PEAK, QUIETEST, RATE, RIPPLE_DB, SPEECH_TILT_DB
from nnsp.signal import levels

REACH = 512  # samples of silence around a clip, which filters ring into
FRAME = 480  # samples of 30 ms, of which a change of tempo puts clips together
SEARCH = 120  # samples to both sides for the place of a frame
NOISE_SECONDS = 8  # of noise of each colour

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a clip at 16 kHz. Ranges are drawn from uniformly; a `_prob` is a share of the rows."""

    speed: tuple[float, float] = (0.8, 1.25)  # pitch and formants go with it; evenly in octaves
    tempo_prob: float = 0.3
    tempo: tuple[float, float] = (0.7, 1.4)  # pitch and formants stay; evenly in octaves
    trim: float = 0.1  # of a clip at most, at either end
    level_db: tuple[float, float] = (-45.0, -10.0)  # of the active part, dBFS
    colour_prob: float = 0.7
    noise_prob: float = 0.6
    snr_db: tuple[float, float] = (10.0, 50.0)

    def __call__(self, rng: np.random.Generator, x: Floats, samples: int) -> Floats:
        """Return a row that holds the clip, or a part of a longer one, at a random place in silence or noise.

        Returns
        -------
        float32[samples] on the int16 grid, in [-1, 1)
        """
        speed = float(np.exp(rng.uniform(*np.log(self.speed))))
        x = x[int(rng.uniform(0, self.trim) * x.size) : x.size - int(rng.uniform(0, self.trim) * x.size)]
        if rng.random() < self.tempo_prob:
            x = stretched(x, float(np.exp(rng.uniform(*np.log(self.tempo)))))
        most = math.ceil(samples * speed)
        start = int(rng.integers(max(0, x.size - most) + 1))
        colour = int(rng.integers(filters.CURVES)) if rng.random() < self.colour_prob else None
        heard = _played(x[start : start + most], speed, colour)[:samples]
        row = np.zeros(samples, np.float32)
        at = int(rng.integers(samples - heard.size + 1))
        row[at : at + heard.size] = heard
        power = max(levels.active_power(heard), QUIETEST)
        if rng.random() < self.noise_prob:
            noise = _noise(int(rng.integers(filters.CURVES)))
            begin = int(rng.integers(max(1, noise.size - samples)))
            piece = np.resize(noise[begin : begin + samples], samples)
            ratio = 10 ** (-rng.uniform(*self.snr_db) / 10) * power / max(levels.mean_power(piece), QUIETEST)
            row += piece * np.float32(np.sqrt(ratio))
        gain = np.sqrt(10 ** (rng.uniform(*self.level_db) / 10) / power)
        gain = min(gain, PEAK / max(float(np.abs(row).max()), QUIETEST))
        return np.asarray(np.rint(row * np.float32(gain * 32768)) / np.float32(32768))


def stretched(x: Floats, tempo: float) -> Floats:
    """Change the tempo and keep the pitch: frames are overlapped where they are most alike (WSOLA)."""
    if x.size < FRAME + 2 * SEARCH:
        return x
    step = FRAME // 2
    count = max(1, round(x.size / tempo / step) - 1)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(FRAME) + 0.5) / FRAME)).astype(np.float32)
    out = np.zeros((count + 1) * step, np.float32)
    last = x.size - FRAME
    place = 0
    for k in range(count):
        if k:
            low = min(max(round(k * step * tempo) - SEARCH, 0), last - 2 * SEARCH)
            wanted = x[place + step : place + FRAME]
            place = low + int(np.correlate(x[low : low + 2 * SEARCH + step], wanted).argmax())
        out[k * step : k * step + FRAME] += x[place : place + FRAME] * window
    return out


def _played(x: Floats, speed: float, colour: int | None) -> Floats:
    """Resample the clip to about `speed` times as fast and colour its spectrum, in one transform."""
    source = fft.next_fast_len(x.size + 2 * REACH, real=True)
    target = fft.next_fast_len(round(source / speed), real=True)
    spectrum = fft.rfft(x, source)
    spectrum = spectrum[: target // 2 + 1] * np.float32(target / source)
    if colour is not None:
        bins = np.arange(spectrum.size) * (filters.BLOCK / target)
        spectrum *= _curves(SPEECH_TILT_DB)[colour][np.minimum(bins.astype(np.int64), filters.BINS - 1)]
    return np.asarray(fft.irfft(spectrum, target)[: round(x.size * target / source)])


@cache
def _curves(tilt_db: tuple[float, float]) -> Floats:
    return filters.curves(np.random.default_rng(0), tilt_db, RIPPLE_DB)


@cache
def _noise(colour: int) -> Floats:
    """Return noise of one colour. Every other colour ends at 4 kHz, as recordings at 8 kHz do."""
    gains = _curves(GAUSSIAN_TILT_DB)[colour].copy()
    if colour % 2:
        gains[filters.BINS // 2 :] = 0
    return noises.gaussian(np.random.default_rng(colour), NOISE_SECONDS * RATE, gains)
