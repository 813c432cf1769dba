"""The loss against its definition, written out in complex NumPy."""

import numpy as np
import pytest
from keras import ops

from nnsp.network import losses

SHAPE = (2, 5, 33)


def spectra(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loudness = 10.0 ** rng.uniform(0, 4, SHAPE)
    return loudness * (rng.standard_normal(SHAPE) + 1j * rng.standard_normal(SHAPE))


def call(mask: np.ndarray, x: np.ndarray, s: np.ndarray, level: np.ndarray, valid: np.ndarray) -> float:
    parts = [[ops.convert_to_tensor(v.astype("float32")) for v in (z.real, z.imag)] for z in (x, s)]
    rest = [ops.convert_to_tensor(v.astype("float32")) for v in (mask, level, valid)]
    return float(losses.masked_compressed_spectrum(rest[0], *map(tuple, parts), *rest[1:]))


def test_definition() -> None:
    x, s = spectra(1), spectra(2)
    mask = np.random.default_rng(3).random(SHAPE)
    level, valid = np.array([3000.0, 200.0]), np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0.0]])

    def compressed(z: np.ndarray) -> np.ndarray:
        z = z / level[:, None, None]
        return np.abs(z) ** losses.COMPRESSION * np.exp(1j * np.angle(z))

    y, t = compressed(mask * x), compressed(s)
    share = losses.COMPLEX_SHARE
    distance = (1 - share) * (np.abs(y) - np.abs(t)) ** 2 + share * np.abs(y - t) ** 2
    of_sequence = (distance.mean(axis=-1) * valid).sum(axis=1) / valid.sum(axis=1)
    expected = np.mean(np.sqrt(of_sequence + losses.GOOD) - np.sqrt(losses.GOOD))
    # The softening near zero takes FLOOR ** (c / 2) off every magnitude.
    assert call(mask, x, s, level, valid) == pytest.approx(expected, rel=0.05)


def test_zero_for_the_clean_spectrum_itself_and_finite_for_silence() -> None:
    s, ones = spectra(2), np.ones(SHAPE)
    level, valid = np.array([3000.0, 200.0]), np.ones(SHAPE[:2])
    assert call(ones, s, s, level, valid) == pytest.approx(0, abs=1e-5)
    assert call(ones, 0 * s, 0 * s, level, valid) == pytest.approx(0, abs=1e-6)
    assert call(ones, s, s, level, 0 * valid) == pytest.approx(0, abs=1e-6)


def test_level_makes_quiet_and_loud_alike() -> None:
    x, s, mask, valid = spectra(1), spectra(2), np.full(SHAPE, 0.4), np.ones(SHAPE[:2])
    level = np.array([3000.0, 200.0])
    loud = call(mask, 100 * x, 100 * s, 100 * level, valid)
    assert loud == pytest.approx(call(mask, x, s, level, valid), rel=1e-4)
