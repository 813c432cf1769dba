# SPDX-License-Identifier: BSD-3-Clause
"""Features of the host against librosa's own, one call each, and against what sounds are known to have."""

from typing import Any

import librosa
import numpy as np
import pytest

from nnsp.signal import clip_features
from nnsp.signal.clip_features import COUNTS, RATE, SAMPLES


def chord() -> np.ndarray:
    """Three tones that swell, and some noise."""
    time = np.arange(SAMPLES) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6))
    noise = 0.01 * np.random.default_rng(0).standard_normal(SAMPLES)
    return np.asarray(0.2 * tones * (0.2 + 0.8 * time / time[-1]) + noise, np.float32)


@pytest.mark.slow
def test_as_librosa_gives_them() -> None:
    x = chord()
    options: dict[str, Any] = {"y": x, "sr": RATE, "hop_length": 512, "n_fft": 2048}
    wanted = [
        librosa.feature.mfcc(n_mfcc=13, **options),
        librosa.feature.spectral_centroid(**options),
        librosa.feature.chroma_stft(**options),
        librosa.feature.spectral_contrast(**options),
    ]
    found = clip_features.extract("timbre33", x)
    assert found.shape == (128, 33) and found.dtype == np.float32
    np.testing.assert_allclose(found, np.concatenate(wanted).T, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(
        clip_features.extract("mfcc14", x), librosa.feature.mfcc(n_mfcc=14, **options).T, rtol=1e-3, atol=2e-3
    )
    assert np.array_equal(clip_features.extract("mfcc13", x), found[:, :13])


def test_of_a_tone() -> None:
    x = (0.3 * np.sin(2 * np.pi * 1760 * np.arange(SAMPLES) / RATE)).astype(np.float32)
    middle = clip_features.extract("timbre33", x)[64]
    assert middle[13] == pytest.approx(1760, rel=0.05)
    assert middle[14:26].argmax() == 9  # an A


@pytest.mark.parametrize("kind", COUNTS)
def test_silence_is_finite(kind: str) -> None:
    found = clip_features.extract(kind, np.zeros(SAMPLES, np.float32))
    assert found.shape == (128, COUNTS[kind]) and np.isfinite(found).all()
