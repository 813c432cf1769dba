# SPDX-License-Identifier: BSD-3-Clause
"""Training losses in ``keras.ops``, and sums of them as text: ``0.7*compressed(c=0.3)+0.3*si_sdr``.

A loss takes some frames of a batch of sequences (`Frames`) and returns a distance for each sequence. Spectra are
divided by the level of each sequence's speech, so that a quiet utterance counts as much as a loud one. X is the noisy
spectrum, S the clean one, Y the estimate of it; a mean is over bins and frames that count.
"""

import inspect
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from keras import ops

from nnsp.errors import UserError
from nnsp.signal import frontend
from nnsp.signal.frontend import FrontEnd
from nnsp.training.choices import FORM, NUMBER, Choice, Number, Word, choose, where
from nnsp.training.settings import LOSS

FLOOR = 1e-10  # of a power relative to that of speech: 100 dB below it nothing is steep any more
GOOD = 1e-3  # distance of a sequence from which on it hardly matters
LITTLE = 3e-3  # the same where its logarithm is taken: an error 25 dB below the speech
LEAST = 1e-8  # of the energy of an envelope
SEGMENT_S = 0.384  # that STOI compares envelopes over
HEARD = 1e-2  # power of a third of an octave's mean envelope, over that of a bin of speech, from which on it counts


class Estimate(ABC):
    """What a network takes for the clean speech, as a spectrum Y in int16 units."""

    @abstractmethod
    def spectrum(self, frames: "Frames") -> tuple[Any, Any]:
        """Return Y as (re, im), each [batch, time, bins]."""

    def power(self, frames: "Frames") -> Any:
        """Return |Y|^2 over the power of speech."""
        re, im = frames.spectrum
        return frames.scale * (ops.square(re) + ops.square(im))

    def magnitude(self, frames: "Frames") -> Any:
        """Return |Y| over the level of speech."""
        return _root(frames.power)

    def cosine(self, frames: "Frames") -> Any:
        """Return the cosine of the angle between Y and S."""
        product = frames.scale * _real_product(frames.spectrum, frames.clean)
        return product * ops.rsqrt(frames.power * frames.clean_power + FLOOR**2)


@dataclass(frozen=True)
class Gain(Estimate):
    """A gain on the noisy spectrum: Y = G X.

    Parameters
    ----------
    gain : [batch, time, bins]
        0 or more.
    """

    gain: Any

    def spectrum(self, frames: "Frames") -> tuple[Any, Any]:
        """Return G X."""
        return self.gain * frames.noisy[0], self.gain * frames.noisy[1]

    def power(self, frames: "Frames") -> Any:
        """Return G^2 |X|^2 over the power of speech."""
        return ops.square(self.gain) * frames.noisy_power

    def magnitude(self, frames: "Frames") -> Any:
        """Return G |X|. The root is taken of |X|^2 alone, so that a gain of 0 has a gradient."""
        return self.gain * _root(frames.noisy_power)

    def cosine(self, frames: "Frames") -> Any:
        """Return the cosine of the angle between X and S, which no gain changes."""
        return frames.noisy_cosine


@dataclass(frozen=True)
class Spectrum(Estimate):
    """A complex spectrum Y of its own.

    Parameters
    ----------
    re, im : [batch, time, bins]
    """

    re: Any
    im: Any

    def spectrum(self, frames: "Frames") -> tuple[Any, Any]:
        """Return it."""
        return self.re, self.im


@dataclass(frozen=True)
class Waveform(Estimate):
    """A waveform, whose spectrum Y is that of the front end.

    Parameters
    ----------
    samples : [batch, history + time * hop]
        With the history of the front end before them.
    """

    samples: Any

    def spectrum(self, frames: "Frames") -> tuple[Any, Any]:
        """Analyse the waveform."""
        re, im = frontend.analyse(frames.fe, self.samples, ops)
        return re, im


@dataclass(frozen=True)
class Frames:
    """Some frames of a batch of sequences, in tensors.

    Each loss of a sum computes `spectrum` and `power` for itself: shared, they would add up the gradients in another
    order, and a training that continues would not end at the same last bit.

    Parameters
    ----------
    fe : FrontEnd
    estimate : Estimate
        Made by the network.
    noisy, clean : (re, im), each [batch, time, bins]
        Spectra X and S.
    level : [batch]
        Root mean square of a bin of each sequence's speech.
    valid : [batch, time]
        1 for frames that count, else 0.
    """

    fe: FrontEnd
    estimate: Estimate
    noisy: tuple[Any, Any]
    clean: tuple[Any, Any]
    level: Any
    valid: Any

    @cached_property
    def scale(self) -> Any:
        """Factor from powers to powers over that of speech."""
        return ops.square(1.0 / self.level)[:, None, None]

    @cached_property
    def noisy_power(self) -> Any:
        """|X|^2 over the power of speech."""
        return self.scale * (ops.square(self.noisy[0]) + ops.square(self.noisy[1]))

    @cached_property
    def clean_power(self) -> Any:
        """|S|^2 over the power of speech."""
        return self.scale * (ops.square(self.clean[0]) + ops.square(self.clean[1]))

    @cached_property
    def noisy_cosine(self) -> Any:
        """Cosine of the angle between X and S."""
        product = self.scale * _real_product(self.noisy, self.clean)
        return product * ops.rsqrt(self.noisy_power * self.clean_power + FLOOR**2)

    @property
    def spectrum(self) -> tuple[Any, Any]:
        """Y as (re, im)."""
        return self.estimate.spectrum(self)

    @property
    def power(self) -> Any:
        """|Y|^2 over the power of speech."""
        return self.estimate.power(self)

    @cached_property
    def magnitude(self) -> Any:
        """|Y| over the level of speech."""
        return self.estimate.magnitude(self)

    @cached_property
    def cosine(self) -> Any:
        """Cosine of the angle between Y and S."""
        return self.estimate.cosine(self)

    @cached_property
    def target(self) -> Any:
        """|S| over the level of speech."""
        return _root(self.clean_power)

    def mean(self, distance: Any) -> Any:
        """Return the mean of [batch, time, n] over n and the frames that count, [batch]."""
        of_frame = ops.mean(distance, axis=-1)
        return ops.sum(of_frame * self.valid, axis=1) / ops.maximum(ops.sum(self.valid, axis=1), 1.0)


def compressed(frames: Frames, c: float = 0.5, a: float = 0.5) -> Any:
    """Distance of compressed spectra, magnitudes alone and with phase (Braun and Tashev, 2020).

    ``mean (1 - a) (|Y|^c - |S|^c)^2 + a |Y |Y|^(c-1) - S |S|^(c-1)|^2``. They take c = a = 0.3; 0.5 leaves more of the
    speech whole, for a little more noise left in.
    """
    estimate = _power(frames.power, c)
    target = _power(frames.clean_power, c)
    # |p|^2 + |q|^2 - 2 |p| |q| cos = (|p| - |q|)^2 + 2 |p| |q| (1 - cos): a gain leaves cos as it is.
    phase = 2 * a * target * (1 - frames.cosine)
    return frames.mean(ops.square(estimate - target) + estimate * phase)


def psa(frames: Frames) -> Any:
    """Phase-sensitive approximation (Erdogan et al., 2015): ``mean (|Y| - |S| cos(arg S - arg X))^2``.

    It is made for gains: of an estimate with a phase of its own it sees the magnitude alone.
    """
    return frames.mean(ops.square(frames.magnitude - frames.target * frames.noisy_cosine))


def psa_l1(frames: Frames) -> Any:
    """A form of `psa` that is met in code: ``mean | |S| - |Y| cos(arg S - arg X) |``.

    The cosine stands at the estimate, so that where noise turns the phase it asks for more than |S|.
    """
    return frames.mean(ops.abs(frames.target - frames.magnitude * frames.noisy_cosine))


def mse(frames: Frames) -> Any:
    """Squared error of complex spectra: ``mean |Y - S|^2``."""
    return frames.mean(_complex_error(frames))


def mae(frames: Frames) -> Any:
    """Error of complex spectra: ``mean |Y - S|``; some code calls it rmse."""
    return frames.mean(_root(_complex_error(frames)))


def magnitude_mse(frames: Frames) -> Any:
    """Squared error of magnitudes: ``mean (|Y| - |S|)^2``."""
    return frames.mean(ops.square(frames.magnitude - frames.target))


def magnitude_mae(frames: Frames) -> Any:
    """Error of magnitudes, also called amplitude: ``mean | |Y| - |S| |``."""
    return frames.mean(ops.abs(frames.magnitude - frames.target))


def si_sdr(frames: Frames, limit_db: float = 30.0) -> Any:
    """Scale-invariant signal-to-distortion ratio in time, negative, in dB (Le Roux et al., 2019).

    ``-10 log10 (|b s|^2 + e) / (|y - b s|^2 + e)`` with ``b = <y, s> / |s|^2``, of the waveforms of these frames alone,
    not of the whole sequence, and only where all windows overlap. ``e`` is the energy of speech less ``limit_db``: more
    is not asked for, and where the target is silent, that little is left.
    """
    fe = frames.fe
    overlap = fe.window_size // fe.hop
    if frames.valid.shape[1] < overlap:
        raise UserError(f"`loss`: si_sdr needs `timesteps` of {overlap} or more, where its windows overlap")
    valid = frames.valid[:, overlap - 1 :, None]

    def wave(spectrum: tuple[Any, Any]) -> Any:
        re, im = (part / frames.level[:, None, None] for part in spectrum)
        return ops.reshape(valid * _overlap_added(fe, re, im), (-1, valid.shape[1] * fe.hop))

    y, s = wave(frames.spectrum), wave(frames.clean)
    power = 1 / float(np.sum(frontend.window(fe) ** 2))  # of a sample of speech, where a bin's is 1
    count = fe.hop * ops.sum(valid, axis=(1, 2))
    energy = ops.sum(s * s, axis=1)
    scaled = s * (ops.sum(y * s, axis=1) / (energy + FLOOR * power * (count + 1)))[:, None]
    least = power * 10 ** (-limit_db / 10) * (count + 1)
    wanted, rest = (ops.sum(ops.square(x), axis=1) + least for x in (scaled, y - scaled))
    return (10 / math.log(10)) * (ops.log(rest) - ops.log(wanted))


def rnnoise(frames: Frames) -> Any:
    """RNNoise's loss of the gains of mel bands (Valin, 2018).

    ``mean m (10 (sqrt h - sqrt g)^4 + (sqrt h - sqrt g)^2 - 0.01 (g log h + (1 - g) log(1 - h)))``,
    m = min(g + 1, 1), g is the root of a band's clean over its noisy energy, at most 1, and -1 where there is nothing;
    h is the root of a band's estimated over its noisy energy. ``mask_floor`` is the least h there can be.
    """
    mel = frontend.mel_matrix(frames.fe).astype("float32")
    before = ops.matmul(frames.noisy_power, mel)
    wanted = ops.matmul(frames.clean_power, mel)
    after = ops.matmul(frames.power, mel)
    heard = ops.cast(before > FLOOR, "float32")  # this is m
    h, g = (ops.clip(_root(x / (before + FLOOR)), 1e-4, 1 - 1e-4) for x in (after, wanted))
    square = ops.square(ops.sqrt(h) - ops.sqrt(g))
    entropy = -(g * ops.log(h) + (1 - g) * ops.log(1 - h))
    return frames.mean(heard * (10 * ops.square(square) + square + 0.01 * entropy))


def stoi(frames: Frames) -> Any:
    """Loss of correlation between the envelopes of estimate and clean speech: a smooth STOI (Taal et al., 2011).

    ``mean 1 - r``, r the correlation of |Y| with |S| in each of 15 thirds of an octave from 150 Hz, over 384 ms that
    overlap by half, where there is speech. STOI's own clipping and its removal of silent frames are left out.
    """
    fe = frames.fe
    length = round(SEGMENT_S * fe.rate / fe.hop)
    if frames.valid.shape[1] < length:
        raise UserError(f"`loss`: stoi needs `timesteps` of {length} or more, which its segments last")
    thirds = _thirds(fe)
    y = ops.sqrt(ops.matmul(frames.power, thirds) + LEAST)
    s = ops.sqrt(ops.matmul(frames.clean_power, thirds) + LEAST)
    missed, heard = [], []
    for start in range(0, y.shape[1] - length + 1, length // 2):
        part = slice(start, start + length)
        a, b = s[:, part], y[:, part]
        heard.append(
            frames.valid[:, start + length - 1] * ops.cast(ops.mean(a * a, axis=(1, 2)) > HEARD, "float32")
        )
        a, b = a - ops.mean(a, axis=1, keepdims=True), b - ops.mean(b, axis=1, keepdims=True)
        r = ops.sum(a * b, axis=1) * ops.rsqrt(ops.sum(a * a, axis=1) * ops.sum(b * b, axis=1) + LEAST)
        missed.append(heard[-1] * ops.mean(1 - r, axis=-1))
    return sum(missed) / ops.maximum(sum(heard), 1.0)


def _thirds(fe: FrontEnd) -> Any:
    """Thirds of an octave from 150 Hz as float32 [bins, 15]."""
    hertz = np.arange(fe.bins)[:, None] * (fe.rate / fe.fft_size)
    centre = 150 * 2 ** (np.arange(15) / 3)
    return ((hertz >= centre * 2 ** (-1 / 6)) & (hertz < centre * 2 ** (1 / 6))).astype("float32")


def _real_product(x: tuple[Any, Any], y: tuple[Any, Any]) -> Any:
    """Real part of x times the conjugate of y."""
    return x[0] * y[0] + x[1] * y[1]


def _root(power: Any) -> Any:
    """Square root whose gradient is finite at 0, and which is 0 there."""
    return ops.sqrt(power + FLOOR) - FLOOR**0.5


def _power(power: Any, c: float) -> Any:
    """Magnitude to the power of c, from squared magnitudes; softened below `FLOOR`, 0 at 0."""
    return ops.exp((c / 2) * ops.log(power + FLOOR)) - FLOOR ** (c / 2)


def _complex_error(frames: Frames) -> Any:
    """|Y - S|^2 over the power of speech."""
    re, im = (y - s for y, s in zip(frames.spectrum, frames.clean, strict=True))
    return frames.scale * (ops.square(re) + ops.square(im))


def _overlap_added(fe: FrontEnd, re: Any, im: Any) -> Any:
    """Waveforms [batch, hops, hop] of spectra [batch, time, bins], from the first hop that has all its windows."""
    parts = ops.irfft((re, im), fft_length=fe.fft_size)[..., : fe.window_size]
    parts = parts * frontend.window(fe).astype("float32")
    overlap, count = fe.window_size // fe.hop, re.shape[1]
    return sum(parts[:, overlap - 1 - k : count - k, k * fe.hop : (k + 1) * fe.hop] for k in range(overlap))


def _rooted(distance: Any) -> Any:
    """Take the root of each sequence's distance, so that a few sequences in loud noise do not dominate."""
    return ops.sqrt(distance + GOOD) - GOOD**0.5


def _logarithm(distance: Any) -> Any:
    """Natural logarithm of each sequence's distance: one per cent less error counts the same in any noise."""
    return ops.log(distance + LITTLE)


LOSSES: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (compressed, psa, psa_l1, mse, mae, magnitude_mse, magnitude_mae, si_sdr, stoi, rnnoise)
}
RANGES = {"c": (0.05, 1.0), "a": (0.0, 1.0), "limit_db": (1.0, 100.0)}
REDUCTIONS = {"mean": lambda distance: distance, "root": _rooted, "log": _logarithm}
TERM = re.compile(rf"(?:({NUMBER})\*)?{FORM}(?:\+(?=.)|$)")


def _parameters(loss: Callable[..., Any]) -> dict[str, Number | Word]:
    """What can be chosen of a loss: its own numbers, and the reduction of each sequence's distance."""
    numbers = list(inspect.signature(loss).parameters.items())[1:]
    result: dict[str, Number | Word] = {key: Number(p.default, *RANGES[key]) for key, p in numbers}
    if loss is not si_sdr:
        result["reduction"] = Word("root" if loss is compressed else "mean", tuple(REDUCTIONS))
    return result


KNOWN = {name: _parameters(loss) for name, loss in LOSSES.items()}


@dataclass(frozen=True)
class Term:
    """One loss of a sum, with all its parameters."""

    weight: float
    choice: Choice

    def __call__(self, frames: Frames) -> Any:
        """Return the weighted mean over the batch."""
        values = dict(self.choice.values)
        reduction = REDUCTIONS[str(values.pop("reduction", "mean"))]
        return self.weight * ops.mean(reduction(LOSSES[self.choice.name](frames, **values)))

    def __str__(self) -> str:
        return f"{self.weight:g}*{self.choice}"


@dataclass(frozen=True)
class Loss:
    """A weighted sum; as text it names every parameter, and `parse` reads it."""

    terms: tuple[Term, ...]

    def __call__(self, frames: Frames) -> Any:
        """Return the sum, a scalar."""
        return sum(term(frames) for term in self.terms)

    def __str__(self) -> str:
        return "+".join(map(str, self.terms))


def parse(text: str, source: str = "loss") -> Loss:
    """Read a sum of losses.

    Parameters
    ----------
    text : str
        ``[weight*]name[(parameter=value,...)]``, joined by ``+``.
    source : str
        For errors: the setting that holds the text, or its place in a file.

    Raises
    ------
    UserError
        Another form, or an unknown loss, parameter or value.
    """
    place = where(text, source)
    rest, terms = "".join(text.split()), []
    while True:
        found = TERM.match(rest)
        if not found:
            raise UserError(f"{place}: expected a sum such as 0.7*compressed(c=0.3)+0.3*si_sdr, not '{rest}'")
        weight, name, inner = found.groups()
        choice = choose(name, inner, KNOWN, "loss", place)
        if weight is not None and not 0 < float(weight) < math.inf:
            raise UserError(f"{place}: the weight {weight} of {name} must be above 0")
        terms.append(Term(float(weight or 1), choice))
        rest = rest[found.end() :]
        if not rest:
            return Loss(tuple(terms))


USUAL = parse(LOSS.default)
