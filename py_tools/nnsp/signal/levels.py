# SPDX-License-Identifier: BSD-3-Clause
"""Levels in dB re full scale, and what counts as active speech."""

import numpy as np
from numpy.typing import NDArray

FRAME = 320  # 20 ms at 16 kHz
ACTIVE_RANGE_DB = 30.0
SILENCE_DB = -120.0


def frame_power(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean square of each whole 20 ms frame; a shorter signal counts as one frame."""
    if x.size < FRAME:
        return np.array([np.mean(np.square(x))], np.float32) if x.size else np.zeros(1, np.float32)
    frames = x[: x.size // FRAME * FRAME].reshape(-1, FRAME)
    power: NDArray[np.float32] = np.einsum("ij,ij->i", frames, frames) / np.float32(FRAME)
    return power


def active_power(x: NDArray[np.float32]) -> float:
    """Return the mean square over active frames: those within 30 dB of the loudest one.

    Parameters
    ----------
    x : float32[samples] at 16 kHz
    """
    power = frame_power(x)
    active = power[power >= power.max() * 10 ** (-ACTIVE_RANGE_DB / 10)]
    return float(active.mean())


def mean_power(x: NDArray[np.float32]) -> float:
    """Return the mean square of all samples."""
    return float(np.dot(x, x)) / max(x.size, 1)


def to_db(power: float) -> float:
    """Return 10 log10 of a power, not below -120 dB."""
    return float(10 * np.log10(max(power, 10 ** (SILENCE_DB / 10))))
