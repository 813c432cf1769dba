# SPDX-License-Identifier: BSD-3-Clause
"""Made noise: its spectrum, its levels, and that it is drawn anew from a seed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nnsp.data import filters, noises

RATE = noises.RATE
SAMPLES = 160000


def power(x: NDArray[np.float32]) -> tuple[np.ndarray, np.ndarray]:
    """(Hz, power) of a track as a whole, windowed."""
    return np.fft.rfftfreq(x.size, 1 / RATE), np.abs(np.fft.rfft(x * np.hanning(x.size))) ** 2


def test_gaussian_follows_its_gains() -> None:
    (gains,) = filters.curves(np.random.default_rng(1), (-8.0, 0.0), 2.0)[:1]
    track = noises.gaussian(np.random.default_rng(2), SAMPLES, gains)
    assert track.dtype == np.float32 and track.size == SAMPLES
    hz, found = power(track)
    asked = np.interp(hz, np.fft.rfftfreq(filters.BLOCK, 1 / RATE), gains) ** 2
    bands = [(hz >= low) & (hz < 2 * low) for low in (62.5, 125, 250, 500, 1000, 2000, 4000)]
    db = [10 * np.log10(found[band].sum() / asked[band].sum()) for band in bands]
    assert np.ptp(db) < 1.5


def test_rumble_lies_between_10_and_120_hz() -> None:
    for seed in range(10):
        track = noises.rumble(np.random.default_rng(seed), SAMPLES)
        assert track.dtype == np.float32 and track.size == SAMPLES
        hz, found = power(track)
        assert found[(hz > 8) & (hz < 125)].sum() > 0.99 * found.sum()
        assert found[hz > 200].sum() < 1e-5 * found.sum()


def test_hum_is_made_of_harmonics_of_the_mains() -> None:
    found_at = []
    for seed in range(10):
        hz, found = power(noises.hum(np.random.default_rng(seed), SAMPLES))
        for mains in (50, 60):
            order = np.clip(np.rint(hz / mains), 1, noises.HUM_HARMONICS)
            near = np.abs(hz - mains * order) < 0.2 * order + 0.3
            if found[near].sum() > 0.999 * found.sum():
                found_at.append(mains)
    assert len(found_at) == 10 and set(found_at) == {50, 60}


def test_levels_wander_as_far_as_asked() -> None:
    steady = noises.levels(np.random.default_rng(1), SAMPLES, 0.0)
    assert np.array_equal(steady, np.ones(SAMPLES, np.float32))
    db = np.concatenate(
        [20 * np.log10(noises.levels(np.random.default_rng(seed), SAMPLES, 6.0)) for seed in range(20)]
    )
    assert 1 < db.std() < 6 and abs(db.mean()) < 1
    assert np.abs(np.diff(noises.levels(np.random.default_rng(1), SAMPLES, 6.0))).max() < 0.02  # no clicks


@pytest.mark.parametrize("make", [noises.rumble, noises.hum])
def test_the_seed_makes_the_noise(make: object) -> None:
    assert callable(make)
    one, same, other = (make(np.random.default_rng(seed), 5000) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
