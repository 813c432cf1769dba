# SPDX-License-Identifier: BSD-3-Clause
"""Noise made on the fly: of any spectrum, rumble below the speech, and mains hum. The caller sets the levels."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

from nnsp.data import filters

RATE = 16000
FRAME = 160  # samples: levels run in straight lines over them
LOW_FACTOR = 32  # rumble is made at 500 Hz
LOW_TAPS = 8
RUMBLE_HZ = (10.0, 120.0)
HUM_HARMONICS = 12
HUM_TABLE = 4096

Floats = NDArray[np.float32]


def levels(rng: np.random.Generator, samples: int, most_db: float) -> Floats:
    """Return factors that wander about 1: a new level of up to `most_db` deviation every 0.1 to 2 s."""
    frames = -(-samples // FRAME)
    every = rng.uniform(0.1, 2.0) * RATE / FRAME
    gains = rng.normal(0, rng.uniform(0, most_db), int(frames / every) + 2)
    db = np.interp(np.arange(frames + 1) / every, np.arange(gains.size), gains)
    at = (10 ** (db / 20)).astype(np.float32)[:, None]
    ramp = np.arange(FRAME, dtype=np.float32) / np.float32(FRAME)
    return np.asarray((at[:-1] + (at[1:] - at[:-1]) * ramp).reshape(-1)[:samples])


def gaussian(rng: np.random.Generator, samples: int, gains: Floats) -> Floats:
    """Make Gaussian noise with the gains of `filters.apply`, steady or wandering by up to 6 dB."""
    (track,) = filters.apply(rng.standard_normal(samples, np.float32), samples, [gains])
    return track * levels(rng, samples, 6.0)


def _interpolator() -> Floats:
    """Return a windowed sinc that resamples from 500 Hz to 16 kHz, flat up to 120 Hz: float32[LOW_TAPS, LOW_FACTOR]."""
    time = np.arange(LOW_TAPS)[:, None] - LOW_TAPS // 2 + 1 - np.arange(LOW_FACTOR) / LOW_FACTOR
    window = np.i0(6.0 * np.sqrt(np.maximum(1 - (time / (LOW_TAPS / 2)) ** 2, 0))) / np.i0(6.0)
    return np.asarray(np.sinc(time) * window, np.float32)


INTERPOLATOR = _interpolator()


def rumble(rng: np.random.Generator, samples: int) -> Floats:
    """Make Gaussian noise in a part of 10 to 120 Hz, tilted by 0 to -12 dB per octave, wandering by up to 10 dB."""
    count = fft.next_fast_len(samples // LOW_FACTOR + 1 + LOW_TAPS, real=True)
    hz = fft.rfftfreq(count, LOW_FACTOR / RATE).astype(np.float32)
    low, high = rng.uniform(RUMBLE_HZ[0], 50.0), rng.uniform(60.0, RUMBLE_HZ[1])
    inside = (hz >= low) & (hz <= high)
    drawn = np.zeros(hz.size, np.complex64)
    parts = rng.standard_normal((2, int(inside.sum())), np.float32)
    drawn[inside] = (parts[0] + 1j * parts[1]) * (hz[inside] / low) ** np.float32(rng.uniform(-2, 0))
    slow = fft.irfft(drawn, count)
    # As a product of matrices BLAS would start threads of its own for it.
    track = np.einsum("ij,jk->ik", sliding_window_view(slow, LOW_TAPS), INTERPOLATOR).reshape(-1)[:samples]
    return np.asarray(track * levels(rng, samples, 10.0), np.float32)


def hum(rng: np.random.Generator, samples: int) -> Floats:
    """Make mains hum of 50 or 60 Hz, within 0.2 Hz, with harmonics that fall by 3 to 12 dB per octave."""
    order = np.arange(1, HUM_HARMONICS + 1)
    gains = order ** -rng.uniform(0.5, 2.0) * 10 ** (rng.normal(0, 6, order.size) / 20)
    phases = order * np.arange(HUM_TABLE)[:, None] * (2 * np.pi / HUM_TABLE) + rng.uniform(
        0, 2 * np.pi, order.size
    )
    period = (np.sin(phases) @ gains).astype(np.float32)
    hz = (50.0 if rng.random() < 0.5 else 60.0) + rng.uniform(-0.2, 0.2)
    places = (np.arange(samples) * (hz * HUM_TABLE / RATE)).astype(np.int64)
    return period[places & (HUM_TABLE - 1)]
