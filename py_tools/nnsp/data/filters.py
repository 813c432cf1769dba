# SPDX-License-Identifier: BSD-3-Clause
"""Responses applied to whole tracks in overlapping blocks, whose transforms stay in the cache.

A block of the output has 16384 samples, of which 14/16 are kept, or 7/16 where a room rings into them for up to half
a second. Speed changes in the same spectrum: the input's blocks are longer or shorter than the output's.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

RATE = 16000
SIXTEENTH = 1024  # samples: also the reach of a response without phase, to both sides
BLOCK = 16 * SIXTEENTH
BINS = BLOCK // 2 + 1
TAPER = 128  # bins before the band's end, so that a change of speed rings out within a sixteenth
KNOTS_HZ = 31.25 * 2.0 ** np.arange(9)  # 31.25 Hz ... 8 kHz
CURVES = 64
LOWPASS_ORDER = 8
HIGHPASS_ORDER = 2

Floats = NDArray[np.float32]


@cache
def _quick_sizes() -> NDArray[np.int64]:
    """Return sizes in sixteenths of input blocks that have fast transforms, 1 to 2 per cent apart."""
    return np.array([n for n in range(SIXTEENTH // 2, 2 * SIXTEENTH + 1) if fft.next_fast_len(n) == n])


def nearest_speed(speed: float) -> float:
    """Return the nearest speed that `apply` supports."""
    sizes = _quick_sizes()
    return float(sizes[np.argmin(np.abs(sizes - speed * SIXTEENTH))]) / SIXTEENTH


def apply(
    track: Floats, samples: int, responses: Sequence[NDArray[Any]], in_room: bool = False, speed: float = 1.0
) -> list[Floats]:
    """Filter a track with each of the responses.

    Parameters
    ----------
    track : float32[at least samples * speed]
    samples : int
        Of the results.
    responses : float32[BINS] or complex64[BINS]
        Gains without phase, or `spectrum` of a room's response.
    in_room : bool
        A response lasts longer than a sixteenth of a block.
    speed : float
        Played so much faster, and higher in pitch and formants: one of `nearest_speed`.
    """
    kept = 7 if in_room else 14  # sixteenths
    part = round(SIXTEENTH * speed)  # of an input block
    count = -(-samples // (kept * SIXTEENTH))
    padded = np.zeros((count * kept + 16 - kept) * part, np.float32)
    start = (15 - kept) * part
    heard = track[: padded.size - start]
    padded[start : start + heard.size] = heard
    spectra = fft.rfft(sliding_window_view(padded, 16 * part)[:: kept * part])[:, :BINS]
    bins = spectra.shape[1]
    if part != SIXTEENTH:
        spectra[:, -TAPER:] *= np.cos(np.linspace(0, np.pi / 2, TAPER, dtype=np.float32)) ** 2
        spectra *= np.float32(SIXTEENTH / part)
    wanted = slice((15 - kept) * SIXTEENTH, 15 * SIXTEENTH)
    return [fft.irfft(spectra * r[:bins], BLOCK)[:, wanted].reshape(-1)[:samples] for r in responses]


def spectrum(response: Floats) -> NDArray[np.complex64]:
    """Return the spectrum that `apply` takes of a response that begins at sample 0."""
    return np.asarray(fft.rfft(response, BLOCK))


def curves(rng: np.random.Generator, tilt_db: tuple[float, float], ripple_db: float) -> Floats:
    """Draw smooth random gains, float32[CURVES, BINS]: a tilt per octave about 1 kHz, and ripples."""
    octaves = np.log2(np.maximum(fft.rfftfreq(BLOCK, 1 / RATE), KNOTS_HZ[0]))
    knots = np.log2(KNOTS_HZ)
    gains = rng.uniform(*tilt_db, (CURVES, 1)) * (knots - np.log2(1000.0))
    gains += rng.normal(0, ripple_db, gains.shape)
    return np.asarray([10 ** (np.interp(octaves, knots, gain) / 20) for gain in gains], np.float32)


def band(highpass_hz: float, lowpass_hz: float) -> Floats:
    """Return band-pass gains of a microphone or a line, -3 dB at both frequencies; 8 kHz means no low-pass."""
    hz = np.maximum(fft.rfftfreq(BLOCK, 1 / RATE), 1.0).astype(np.float32)
    power = 1 + (highpass_hz / hz) ** (2 * HIGHPASS_ORDER)
    if lowpass_hz < RATE / 2:
        power += (hz / lowpass_hz) ** (2 * LOWPASS_ORDER)
    return np.asarray(1 / np.sqrt(power), np.float32)
