# SPDX-License-Identifier: BSD-3-Clause
"""The float front end against textbook forms of it."""

from dataclasses import replace
from typing import Any

import keras
import librosa
import numpy as np
import pytest

from nnsp.errors import UserError
from nnsp.signal import frontend
from nnsp.signal.frontend import FrontEnd

FRONT_ENDS = [
    FrontEnd(),
    FrontEnd(feat_type="pspec"),
    FrontEnd(window_size=256, hop=128, fft_size=256, bands=32),
    FrontEnd(rate=8000, window_size=240, hop=80, fft_size=256, bands=24),
    FrontEnd(feat_type="mfcc", bands=40),
]


def noise(*shape: int) -> np.ndarray:
    return (np.random.default_rng(3).standard_normal(shape) * 3000).astype(np.float32)


@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
def test_analysis_and_synthesis_give_back_the_signal(fe: FrontEnd) -> None:
    x = noise(2, 40 * fe.hop)
    y = frontend.synthesise(fe, *frontend.analyse(fe, frontend.with_history(fe, x)))
    assert y.shape == x.shape
    np.testing.assert_allclose(y[:, fe.history :], x[:, : x.shape[1] - fe.history], atol=0.01)


def test_frame_ends_with_its_hop() -> None:
    fe = FrontEnd()
    x = np.zeros(10 * fe.hop, dtype=np.float32)
    x[4 * fe.hop + 50] = 1000.0
    re, im = frontend.analyse(fe, frontend.with_history(fe, x))
    assert np.flatnonzero((re**2 + im**2).sum(axis=1) > 1).tolist() == [4, 5, 6]


@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
def test_mel_bands_are_triangles(fe: FrontEnd) -> None:
    top = 2595 * np.log10(1 + fe.rate / 2 / 700)
    points = 700 * (10 ** (np.linspace(0, top, fe.bands + 2) / 2595) - 1)
    hertz = np.arange(fe.bins) * fe.rate / fe.fft_size
    low, centre, high = points[:-2], points[1:-1], points[2:]
    up = (hertz[:, None] - low) / (centre - low)
    down = (high - hertz[:, None]) / (high - centre)
    np.testing.assert_allclose(frontend.mel_matrix(fe), np.maximum(np.minimum(up, down), 0), atol=1e-9)


@pytest.mark.parametrize("fe", FRONT_ENDS, ids=str)
def test_tensors_equal_numpy(fe: FrontEnd) -> None:
    x = frontend.with_history(fe, noise(2, 30 * fe.hop))
    expected = frontend.analyse(fe, x)
    found = frontend.analyse(fe, keras.ops.convert_to_tensor(x), keras.ops)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(b), a, atol=0.1)
    level = frontend.levels(fe, *expected)
    level_found = frontend.levels(fe, *found, keras.ops)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(level_found), level, atol=1e-2)
    assert level.shape == (2, 30, fe.feature_count)
    features = frontend.features(level, 10.0, 0.5)
    assert features.max() == 8 - 2.0**-12
    np.testing.assert_allclose(frontend.features(level_found, 10.0, 0.5, keras.ops), features, atol=2e-2)


@pytest.mark.parametrize("fe", [fe for fe in FRONT_ENDS if fe.feat_type == "mel"], ids=str)
def test_gains_of_bands_lie_along_the_triangles(fe: FrontEnd) -> None:
    top = 2595 * np.log10(1 + fe.rate / 2 / 700)
    centres = 700 * (10 ** (np.linspace(0, top, fe.bands + 2)[1:-1] / 2595) - 1)
    hertz = np.arange(fe.bins) * fe.rate / fe.fft_size
    mask = np.random.default_rng(1).random((3, 4, fe.bands)).astype(np.float32)
    wanted = np.array([np.interp(hertz, centres, row) for row in mask.reshape(-1, fe.bands)])
    wanted = fe.mask_floor + (1 - fe.mask_floor) * wanted.reshape(3, 4, fe.bins)
    wanted[..., hertz < 50] = 0
    found = frontend.gain(fe, mask)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.dtype == np.float32
    tensor = frontend.gain(fe, keras.ops.convert_to_tensor(mask), keras.ops)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(tensor), wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "cut"),
    [({}, 2), ({"low_cut": 0.0}, 0), ({"low_cut": 62.5}, 2), ({"low_cut": 62.6}, 3), ({"fft_size": 1024}, 4)],
)
def test_gains_of_bins_below_the_low_cut_are_zero(change: dict[str, Any], cut: int) -> None:
    fe = replace(FrontEnd(), **change)
    found = frontend.gain(fe, np.ones(fe.bins, np.float32))
    assert (found == (np.arange(fe.bins) >= cut)).all()


def test_floor_is_one_int16_step() -> None:
    fe = FrontEnd()
    silence = np.zeros((3, fe.bins))
    assert (frontend.levels(fe, silence, silence) == 0).all()


def test_refused_sizes() -> None:
    with pytest.raises(UserError, match="mel band 1 of 200 has no frequency"):
        frontend.mel_segments(FrontEnd(bands=200))
    with pytest.raises(UserError, match="window_size 480 must be two or more times hop 200"):
        frontend.window(FrontEnd(hop=200))
    for coefficients in (0, 41):
        with pytest.raises(
            UserError, match=f"{coefficients} cepstral coefficients of 40 mel bands; take 1 to 40"
        ):
            frontend.dct_matrix(FrontEnd(feat_type="mfcc", bands=40, coefficients=coefficients))


@pytest.mark.parametrize(("bands", "rate", "fft_size"), [(72, 16000, 512), (40, 16000, 512), (24, 8000, 256)])
def test_mel_bands_are_those_of_librosa(bands: int, rate: int, fft_size: int) -> None:
    fe = FrontEnd(rate=rate, window_size=fft_size, hop=fft_size // 2, fft_size=fft_size, bands=bands)
    theirs = librosa.filters.mel(sr=rate, n_fft=fft_size, n_mels=bands, htk=True, norm=None)
    np.testing.assert_allclose(frontend.mel_matrix(fe).T, theirs, atol=1e-6)


@pytest.mark.parametrize(
    "fe",
    [
        FrontEnd(feat_type="mfcc", bands=40),
        FrontEnd(feat_type="mfcc", coefficients=72),
        FrontEnd(8000, 240, 80, 256, "mfcc", bands=23, coefficients=20),
    ],
    ids=str,
)
def test_cepstrum_is_that_of_librosa(fe: FrontEnd) -> None:
    """Theirs is in dB, 10 log10 of the power, where ours is in octaves; within 0.001 dB, quiet hops among loud ones."""
    x = noise(60 * fe.hop).astype(np.float64)
    x[20 * fe.hop : 40 * fe.hop] *= 1e-3
    x[25 * fe.hop : 30 * fe.hop] = 0
    framed = frontend.with_history(fe, x)
    ours = frontend.levels(fe, *frontend.analyse(fe, framed))
    margin = np.zeros((fe.fft_size - fe.window_size) // 2)  # librosa centres the window in the transform
    power = librosa.feature.melspectrogram(
        y=np.concatenate([margin, framed, margin]),
        sr=fe.rate,
        n_fft=fe.fft_size,
        hop_length=fe.hop,
        win_length=fe.window_size,
        window=frontend.window(fe),
        center=False,
        n_mels=fe.bands,
        htk=True,
        norm=None,
    )
    level = librosa.power_to_db(power, amin=1.0, top_db=None)
    theirs = librosa.feature.mfcc(S=level, n_mfcc=fe.coefficients, norm="ortho").T
    assert ours.shape == theirs.shape == (60, fe.coefficients)
    np.testing.assert_allclose(10 * np.log10(2) * ours, theirs, atol=1e-3)
