# SPDX-License-Identifier: BSD-3-Clause
"""Responses in blocks: what one transform of the whole track gives, at the same place in time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nnsp.data import filters, rooms

RATE = filters.RATE
SAMPLES = 50000
FLAT = np.ones(filters.BINS, np.float32)


def noise(samples: int = SAMPLES) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal(samples, np.float32)


def gains_at(hz: np.ndarray, gains: NDArray[np.float32]) -> np.ndarray:
    return np.interp(hz, np.fft.rfftfreq(filters.BLOCK, 1 / RATE), gains)


@pytest.mark.parametrize("samples", [1, 7168, SAMPLES])
@pytest.mark.parametrize("in_room", [False, True])
def test_flat_gains_change_nothing(samples: int, in_room: bool) -> None:
    (track,) = filters.apply(noise(samples), samples, [FLAT], in_room)
    assert track.dtype == np.float32
    np.testing.assert_allclose(track, noise(samples), atol=1e-5)


def test_room_is_a_convolution() -> None:
    room = rooms.draw(np.random.default_rng(2))
    heard, early = filters.apply(
        noise(), SAMPLES, [filters.spectrum(room.full), filters.spectrum(room.early)], in_room=True
    )
    for found, response in ((heard, room.full), (early, room.early)):
        expected = np.convolve(noise(), response)[:SAMPLES]
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("tilt_db", [(-2.0, 2.0), (-8.0, 0.0)])
def test_colour_is_that_of_one_transform(tilt_db: tuple[float, float]) -> None:
    curves = filters.curves(np.random.default_rng(3), tilt_db, 2.0)
    assert curves.shape == (filters.CURVES, filters.BINS) and curves.dtype == np.float32
    for gains in curves[:8]:
        (found,) = filters.apply(noise(), SAMPLES, [gains])
        size = SAMPLES + 32768
        spectrum = np.fft.rfft(noise(), size) * gains_at(np.fft.rfftfreq(size, 1 / RATE), gains)
        expected = np.fft.irfft(spectrum, size)[:SAMPLES]
        assert np.mean((found - expected) ** 2) < 1e-4 * np.mean(expected**2)


def test_curves_have_the_tilt_asked_for() -> None:
    curves = filters.curves(np.random.default_rng(3), (-6.0, -6.0), 0.0)
    hz = np.array([31.25, 250.0, 1000.0, 4000.0])
    db = 20 * np.log10([gains_at(hz, gains) for gains in curves])
    np.testing.assert_allclose(db, np.tile([30.0, 12.0, 0.0, -12.0], (filters.CURVES, 1)), atol=0.05)


@pytest.mark.parametrize("asked", [0.85, 0.9, 1.07, 1.18])
@pytest.mark.parametrize("in_room", [False, True])
def test_speed_moves_pitch_and_time_alike(asked: float, in_room: bool) -> None:
    speed = filters.nearest_speed(asked)
    assert speed == pytest.approx(asked, rel=0.015)
    time = np.arange(round(SAMPLES * speed)) / RATE
    (tone,) = filters.apply(
        np.sin(2 * np.pi * 1000 * time).astype(np.float32), SAMPLES, [FLAT], in_room, speed
    )
    expected = np.sin(2 * np.pi * 1000 * speed * np.arange(SAMPLES) / RATE)
    inner = slice(2000, SAMPLES - 2000)
    np.testing.assert_allclose(tone[inner], expected[inner], atol=2e-3)


def test_speed_adds_no_aliases() -> None:
    time = np.arange(SAMPLES * 2) / RATE
    high = np.sin(2 * np.pi * 7500 * time).astype(np.float32)
    (found,) = filters.apply(high, SAMPLES, [FLAT], speed=filters.nearest_speed(1.18))  # would lie at 8.8 kHz
    assert np.abs(found[2000:-2000]).max() < 1e-3


def test_band_ends_where_it_says() -> None:
    gains = filters.band(200.0, 4000.0)
    db = 20 * np.log10(gains_at(np.array([50.0, 200.0, 1000.0, 4000.0, 6000.0]), gains))
    np.testing.assert_allclose(db[[1, 3]], -3, atol=0.1)
    assert db[0] < -20 and abs(db[2]) < 0.1 and db[4] < -25
    assert filters.band(50.0, 8000.0)[-1] > 0.999
