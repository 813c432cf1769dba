# SPDX-License-Identifier: BSD-3-Clause
"""Each loss against its formula in complex NumPy, its gradient against small steps, and the text of sums."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from nnsp.errors import UserError
from nnsp.signal import frontend, metrics
from nnsp.signal.frontend import FrontEnd
from nnsp.training import losses
from nnsp.training.losses import Estimate, Frames, Gain, Spectrum, Waveform

FE = FrontEnd()
HOPS = 60
LEVEL = np.array([9000.0, 300.0])

Array = np.ndarray


def waves(seed: int) -> Array:
    """Two sequences in int16 units, one quiet, with their history."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, [[500.0], [15.0]], (2, HOPS * FE.hop))
    return np.asarray(frontend.with_history(FE, x * np.sin(np.arange(HOPS * FE.hop) / 100)))


def spectrum(wave: Array) -> Array:
    re, im = frontend.analyse(FE, wave)
    return np.asarray(re + 1j * im)


CLEAN, NOISE = waves(1), waves(2)
S, X = spectrum(CLEAN), spectrum(CLEAN + NOISE)
GAIN = np.random.default_rng(3).uniform(0.1, 0.9, X.shape)
Y = GAIN * X
OTHER = np.exp(1j * np.random.default_rng(4).normal(0, 0.5, X.shape)) * Y  # with a phase of its own
WAVE = 0.5 * CLEAN + 0.2 * NOISE + 0.05 * waves(5)
VALID = np.array([[1] * HOPS, [1] * (HOPS - 4) + [0] * 4], float)


def tensor(x: Array) -> Any:
    return ops.convert_to_tensor(np.asarray(x, "float32"))


def frames(
    gain: Array = GAIN, x: Array = X, s: Array = S, level: Array = LEVEL, valid: Array = VALID
) -> Frames:
    parts = [(tensor(z.real), tensor(z.imag)) for z in (x, s)]
    return Frames(FE, Gain(tensor(gain)), parts[0], parts[1], tensor(level), tensor(valid))


KINDS: dict[str, tuple[Estimate, Array]] = {
    "gain": (Gain(tensor(GAIN)), Y),
    "spectrum": (Spectrum(tensor(OTHER.real), tensor(OTHER.imag)), OTHER),
    "waveform": (Waveform(tensor(WAVE)), spectrum(WAVE)),
}
"""Estimates, and the spectrum Y that each stands for."""


def value(text: str, of: Frames) -> float:
    return float(losses.parse(text)(of))


def mean(distance: Array) -> Array:
    return np.asarray((distance.mean(axis=-1) * VALID).sum(axis=1) / VALID.sum(axis=1))


def compressed(y: Array, c: float, a: float) -> Array:
    def power(z: Array) -> Array:
        z, floor = z / LEVEL[:, None, None], losses.FLOOR  # which takes the steepness away near zero
        return np.asarray(((np.abs(z) ** 2 + floor) ** (c / 2) - floor ** (c / 2)) * np.exp(1j * np.angle(z)))

    y, s = power(y), power(S)
    return mean((1 - a) * (np.abs(y) - np.abs(s)) ** 2 + a * np.abs(y - s) ** 2)


def scaled(z: Array) -> Array:
    return np.asarray(z / LEVEL[:, None, None])


def error(y: Array) -> Array:
    return np.abs(scaled(y - S))


def magnitudes(y: Array) -> tuple[Array, Array]:
    return np.abs(scaled(y)), np.abs(scaled(S))


def phase() -> Array:
    return np.asarray(np.cos(np.angle(S) - np.angle(X)))


def si_sdr(y: Array, limit_db: float) -> Array:
    """With the reference's own inverse transform, from the waveform itself for the target."""
    result = []
    for row in range(2):
        wave = frontend.synthesise(FE, y[row].real, y[row].imag)[FE.history :]
        target = CLEAN[row, FE.history : FE.history + wave.size]
        count = int(FE.hop * VALID[row, FE.history // FE.hop :].sum())
        wave, s = wave[:count], target[:count]
        b = (wave @ s) / (s @ s)
        power = LEVEL[row] ** 2 / np.sum(frontend.window(FE) ** 2)
        e = 10 ** (-limit_db / 10) * power * count
        result.append(-10 * np.log10((b**2 * (s @ s) + e) / (np.sum((wave - b * s) ** 2) + e)))
    return np.array(result)


def rnnoise(y: Array) -> Array:
    x, s, y = (np.abs(scaled(z)) ** 2 @ frontend.mel_matrix(FE) for z in (X, S, y))
    g, h = (np.minimum(np.sqrt(z / x), 1 - 1e-4) for z in (s, y))
    entropy = -(g * np.log(h) + (1 - g) * np.log(1 - h))
    d = np.sqrt(h) - np.sqrt(g)
    return mean(10 * d**4 + d**2 + 0.01 * entropy)


def stoi(y: Array) -> Array:
    """384 ms are 38 frames, and overlap by half; the last segment of the second sequence does not count."""
    centres = 150 * 2 ** (np.arange(15) / 3)
    hertz = np.fft.rfftfreq(FE.fft_size, 1 / FE.rate)
    result = []
    for row, segments in enumerate([(0, 19), (0,)]):
        envelopes = [
            [
                np.sqrt((np.abs(z[row]) ** 2)[:, np.abs(np.log2(np.maximum(hertz, 1) / c)) < 1 / 6].sum(1))
                for c in centres
            ]
            for z in (scaled(S), scaled(y))
        ]
        r = [
            np.corrcoef(s[i : i + 38], y[i : i + 38])[0, 1]
            for s, y in zip(*envelopes, strict=True)
            for i in segments
        ]
        result.append(1 - np.mean(r))
    return np.array(result)


def rooted(distance: Array) -> Array:
    return np.asarray(np.sqrt(distance + losses.GOOD) - np.sqrt(losses.GOOD))


FORMULAS: dict[str, Callable[[Array], Array]] = {
    "compressed(reduction=mean)": lambda y: compressed(y, 0.5, 0.5),
    "compressed(c=0.3,a=0.3,reduction=mean)": lambda y: compressed(y, 0.3, 0.3),
    "compressed": lambda y: rooted(compressed(y, 0.5, 0.5)),
    "psa": lambda y: mean((magnitudes(y)[0] - magnitudes(y)[1] * phase()) ** 2),
    "psa_l1": lambda y: mean(np.abs(magnitudes(y)[1] - magnitudes(y)[0] * phase())),
    "mse": lambda y: mean(error(y) ** 2),
    "mse(reduction=root)": lambda y: rooted(mean(error(y) ** 2)),
    "mae": lambda y: mean(error(y)),
    "magnitude_mse": lambda y: mean(np.subtract(*magnitudes(y)) ** 2),
    "magnitude_mae": lambda y: mean(np.abs(np.subtract(*magnitudes(y)))),
    "si_sdr": lambda y: si_sdr(y, 30),
    "si_sdr(limit_db=10)": lambda y: si_sdr(y, 10),
    "mse(reduction=log)": lambda y: np.log(mean(error(y) ** 2) + losses.LITTLE),
    "rnnoise": rnnoise,
    "stoi": stoi,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", FORMULAS)
def test_formula(text: str, kind: str) -> None:
    """Of any estimate; where the formula has the floors of the loss, to the precision of float32."""
    estimate, y = KINDS[kind]
    found, expected = value(text, replace(frames(), estimate=estimate)), float(np.mean(FORMULAS[text](y)))
    assert found == pytest.approx(expected, rel=1e-5 if "compressed" in text else 1e-4)


@pytest.mark.parametrize("kind", ["spectrum", "waveform"])
def test_a_gain_is_a_spectrum_and_a_waveform_too(kind: str) -> None:
    """The same estimate in another form has the same losses."""
    whole = frames(gain=0.5 * np.ones(X.shape))
    half = 0.5 * X
    estimates = {
        "spectrum": Spectrum(tensor(half.real), tensor(half.imag)),
        "waveform": Waveform(tensor(0.5 * (CLEAN + NOISE))),
    }
    for name in losses.LOSSES:
        found = value(name, replace(whole, estimate=estimates[kind]))
        assert found == pytest.approx(value(name, whole), rel=2e-4), name


def test_every_loss_has_a_formula() -> None:
    assert {text.split("(")[0] for text in FORMULAS} == set(losses.LOSSES)


def made(kind: str, x: Any) -> Estimate:
    """An estimate of numbers over the level, all in one tensor."""
    level = tensor(LEVEL)
    if kind == "gain":
        return Gain(x)
    if kind == "spectrum":
        return Spectrum(x[0] * level[:, None, None], x[1] * level[:, None, None])
    return Waveform(x * level[:, None])


NUMBERS = {
    "gain": GAIN,
    "spectrum": np.stack([OTHER.real, OTHER.imag]) / LEVEL[:, None, None],
    "waveform": WAVE / LEVEL[:, None],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", losses.LOSSES)
def test_gradient_is_the_slope_and_leads_down(name: str, kind: str) -> None:
    loss, of = losses.parse(name), frames()
    start = tf.Variable(NUMBERS[kind].astype("float32"))

    def at(x: Any) -> Any:
        return loss(replace(of, estimate=made(kind, x)))

    with tf.GradientTape() as tape:
        before = at(start)
    gradient = tape.gradient(before, start)
    # Along the gradient itself no slope is steeper, and float32 can tell.
    size = float(tf.norm(gradient))
    step = 0.02 * tf.math.reduce_std(start) * gradient / tf.reduce_max(tf.abs(gradient))
    slope = float(at(start + step) - at(start - step)) / (2 * float(tf.norm(step)))
    assert slope == pytest.approx(size, rel=0.05)
    assert float(at(start - step)) < float(before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", losses.LOSSES)
def test_silence_is_safe(name: str, kind: str) -> None:
    """Silent targets, inputs and estimates have finite losses and gradients."""
    loss = losses.parse(name)
    for x, s, y in ((X, 0 * S, 1), (0 * X, 0 * S, 1), (X, S, 0), (0 * X, 0 * S, 0)):
        of = frames(x=x, s=s)
        for valid in (VALID, 0 * VALID):
            start = tf.Variable(y * NUMBERS[kind].astype("float32"))
            with tf.GradientTape() as tape:
                result = loss(replace(of, estimate=made(kind, start), valid=tensor(valid)))
            gradient = tape.gradient(result, start).numpy()
            assert np.isfinite(float(result)) and np.isfinite(gradient).all()
            if not s.any():
                assert np.sum(gradient * NUMBERS[kind]) >= 0  # nothing asks for more where nothing is


@pytest.mark.parametrize(
    "name", [name for name in losses.LOSSES if name not in ("psa", "psa_l1", "rnnoise", "si_sdr")]
)
def test_zero_for_the_clean_spectrum_itself(name: str) -> None:
    assert value(name, frames(gain=np.ones(S.shape), x=S)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_level_makes_quiet_and_loud_alike(name: str) -> None:
    loud = value(name, frames(x=100 * X, s=100 * S, level=100 * LEVEL))
    assert loud == pytest.approx(value(name, frames()), rel=1e-4)


def test_si_sdr_is_that_of_the_metrics() -> None:
    """Of zero-mean signals whose end is cut off, where no limit is near."""
    of = frames(valid=np.ones(VALID.shape), gain=0.7 * np.ones(X.shape))
    expected = []
    for clean, noisy in zip(CLEAN, CLEAN + NOISE, strict=True):
        whole = slice(FE.history, HOPS * FE.hop)
        expected.append(metrics.si_sdr(clean[whole], noisy[whole]))
    assert value("si_sdr(limit_db=100)", of) == pytest.approx(-np.mean(expected), abs=0.05)


@pytest.mark.parametrize(("name", "needed"), [("si_sdr", 3), ("stoi", 38)])
def test_enough_frames_are_wanted(name: str, needed: int) -> None:
    gain, x, s, valid = (np.asarray(whole)[:, : needed - 1] for whole in (GAIN, X, S, VALID))
    with pytest.raises(UserError, match=f"{name} needs `timesteps` of {needed} or more"):
        value(name, frames(gain, x, s, valid=valid))


def test_sum_is_weighted() -> None:
    of = frames()
    expected = 0.7 * value("compressed", of) + 3e-1 * value("si_sdr", of) + value("mse(reduction=root)", of)
    assert value(" 0.7*compressed + 3e-1 * si_sdr+mse( reduction = root )", of) == pytest.approx(
        expected, rel=1e-6
    )


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("compressed", "1*compressed(c=0.5,a=0.5,reduction=root)"),
        ("compressed(a=0.3)", "1*compressed(c=0.5,a=0.3,reduction=root)"),
        (".5*psa+2e+1*si_sdr()", "0.5*psa(reduction=mean)+20*si_sdr(limit_db=30)"),
    ],
)
def test_text_names_everything_and_is_read_again(text: str, whole: str) -> None:
    assert str(losses.parse(text)) == whole
    assert losses.parse(whole) == losses.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a sum such as .* not ''"),
        ("mse+", r"not '\+'|not 'mse\+'"),
        ("mse psa", "unknown loss 'msepsa'"),
        ("mse-psa", "not 'mse-psa'"),
        ("0.5+mse", r"not '0\.5\+mse'"),
        ("mse+0.3*(psa)", r"not '0\.3\*\(psa\)'"),
        ("sisdr", "unknown loss 'sisdr'; known are compressed, psa, "),
        ("0*mse", "the weight 0 of mse must be above 0"),
        ("1e999*mse", "the weight 1e999 of mse must be above 0"),
        ("psa(c=0.3)", "psa has no parameter 'c'; it has reduction"),
        ("si_sdr(reduction=root)", "si_sdr has no parameter 'reduction'; it has limit_db"),
        ("compressed(c=0)", "c=0 of compressed must be a number from 0.05 to 1"),
        ("compressed(a=much)", "a=much of compressed must be a number from 0 to 1"),
        ("mse(reduction=sum)", "reduction=sum of mse must be one of mean, root, log"),
    ],
)
def test_bad_text(text: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^`loss=.*{message}"):
        losses.parse(text)
