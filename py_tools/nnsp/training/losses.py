"""Training losses in ``keras.ops``, and sums of them as text: ``0.7*compressed(c=0.3)+0.3*si_sdr``.

A loss takes some frames of a batch of sequences (`Frames`) and gives a distance for each sequence. Spectra are divided
by the level of each sequence's speech, so that a quiet utterance counts as much as a loud one. X is the noisy spectrum,
S the clean one, Y = G X the enhanced one; a mean is over bins and frames that count.
"""

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from keras import ops

from nnsp.errors import UserError
from nnsp.signal import frontend
from nnsp.signal.frontend import FrontEnd

DEFAULT = "compressed"
FLOOR = 1e-10  # of a power relative to that of speech: 100 dB below it nothing is steep any more
GOOD = 1e-3  # distance of a sequence from which on it hardly matters
LITTLE = 3e-3  # the same where its logarithm is taken: an error 25 dB below the speech
LEAST = 1e-8  # of the energy of an envelope
SEGMENT_S = 0.384  # that STOI compares envelopes over
HEARD = 1e-2  # power of a third of an octave's mean envelope, over that of a bin of speech, from which on it counts


@dataclass(frozen=True)
class Frames:
    """Some frames of a batch of sequences, in tensors.

    Parameters
    ----------
    fe : FrontEnd
    gain : [batch, time, bins]
        Of the enhancer.
    noisy, clean : (re, im), each [batch, time, bins]
        Spectra X and S.
    level : [batch]
        Root mean square of a bin of each sequence's speech.
    valid : [batch, time]
        1 for frames that count, else 0.
    """

    fe: FrontEnd
    gain: Any
    noisy: tuple[Any, Any]
    clean: tuple[Any, Any]
    level: Any
    valid: Any

    @cached_property
    def scale(self) -> Any:
        """What powers are multiplied with."""
        return ops.square(1.0 / self.level)[:, None, None]

    @cached_property
    def noisy_power(self) -> Any:
        """|X|^2 over that of speech."""
        return self.scale * (ops.square(self.noisy[0]) + ops.square(self.noisy[1]))

    @cached_property
    def clean_power(self) -> Any:
        """|S|^2 over that of speech."""
        return self.scale * (ops.square(self.clean[0]) + ops.square(self.clean[1]))

    @cached_property
    def cosine(self) -> Any:
        """Of the angle between X and S."""
        product = self.scale * (self.noisy[0] * self.clean[0] + self.noisy[1] * self.clean[1])
        return product * ops.rsqrt(self.noisy_power * self.clean_power + FLOOR**2)

    @cached_property
    def estimate(self) -> Any:
        """|Y| over the level of speech. The root is taken of the power alone, so that a gain of 0 has a gradient."""
        return self.gain * _root(self.noisy_power)

    @cached_property
    def target(self) -> Any:
        """|S| over the level of speech."""
        return _root(self.clean_power)

    def mean(self, distance: Any) -> Any:
        """Of [batch, time, n], over n and the frames that count: [batch]."""
        of_frame = ops.mean(distance, axis=-1)
        return ops.sum(of_frame * self.valid, axis=1) / ops.maximum(ops.sum(self.valid, axis=1), 1.0)


def compressed(frames: Frames, c: float = 0.5, a: float = 0.5) -> Any:
    """Distance of compressed spectra, magnitudes alone and with phase (Braun and Tashev, 2020).

    ``mean (1 - a) (|Y|^c - |S|^c)^2 + a |Y |Y|^(c-1) - S |S|^(c-1)|^2``. They take c = a = 0.3; 0.5 leaves more of the
    speech whole, for a little more noise left in.
    """
    estimate = _power(ops.square(frames.gain) * frames.noisy_power, c)
    target = _power(frames.clean_power, c)
    # |p|^2 + |q|^2 - 2 |p| |q| cos = (|p| - |q|)^2 + 2 |p| |q| (1 - cos): only the estimate has a gradient.
    phase = 2 * a * target * (1 - frames.cosine)
    return frames.mean(ops.square(estimate - target) + estimate * phase)


def psa(frames: Frames) -> Any:
    """Phase-sensitive approximation (Erdogan et al., 2015): ``mean (|Y| - |S| cos(arg S - arg X))^2``."""
    return frames.mean(ops.square(frames.estimate - frames.target * frames.cosine))


def psa_l1(frames: Frames) -> Any:
    """A form of `psa` that is met in code: ``mean | |S| - |Y| cos(arg S - arg X) |``.

    The cosine stands at the estimate, so that where noise turns the phase it asks for more than |S|.
    """
    return frames.mean(ops.abs(frames.target - frames.estimate * frames.cosine))


def mse(frames: Frames) -> Any:
    """Squared error of complex spectra: ``mean |Y - S|^2``."""
    return frames.mean(_complex_error(frames))


def mae(frames: Frames) -> Any:
    """Error of complex spectra: ``mean |Y - S|``; some code calls it rmse."""
    return frames.mean(_root(_complex_error(frames)))


def magnitude_mse(frames: Frames) -> Any:
    """Squared error of magnitudes: ``mean (|Y| - |S|)^2``."""
    return frames.mean(ops.square(frames.estimate - frames.target))


def magnitude_mae(frames: Frames) -> Any:
    """Error of magnitudes, also called amplitude: ``mean | |Y| - |S| |``."""
    return frames.mean(ops.abs(frames.estimate - frames.target))


def si_sdr(frames: Frames, limit_db: float = 30.0) -> Any:
    """Scale-invariant signal-to-distortion ratio in time, negative, in dB (Le Roux et al., 2019).

    ``-10 log10 (|b s|^2 + e) / (|y - b s|^2 + e)`` with ``b = <y, s> / |s|^2``, of the waveforms of these frames alone,
    not of the whole sequence, and only where all windows overlap. ``e`` is the energy of speech less ``limit_db``: more
    is not asked for, and where the target is silent, that little is left.
    """
    fe = frames.fe
    overlap = fe.window_size // fe.hop
    if frames.gain.shape[1] < overlap:
        raise UserError(f"`loss`: si_sdr needs `timesteps` of {overlap} or more, where its windows overlap")
    valid = frames.valid[:, overlap - 1 :, None]

    def wave(gain: Any, spectrum: tuple[Any, Any]) -> Any:
        re, im = (gain * part / frames.level[:, None, None] for part in spectrum)
        return ops.reshape(valid * _overlap_added(fe, re, im), (-1, valid.shape[1] * fe.hop))

    y, s = wave(frames.gain, frames.noisy), wave(1.0, frames.clean)
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
    h is the gain of the band that follows from those of its bins. ``mask_floor`` is the least h there can be.
    """
    mel = frontend.mel_matrix(frames.fe).astype("float32")
    before = ops.matmul(frames.noisy_power, mel)
    wanted = ops.matmul(frames.clean_power, mel)
    after = ops.matmul(ops.square(frames.gain) * frames.noisy_power, mel)
    heard = ops.cast(before > FLOOR, "float32")  # which is m
    h, g = (ops.clip(_root(x / (before + FLOOR)), 1e-4, 1 - 1e-4) for x in (after, wanted))
    square = ops.square(ops.sqrt(h) - ops.sqrt(g))
    entropy = -(g * ops.log(h) + (1 - g) * ops.log(1 - h))
    return frames.mean(heard * (10 * ops.square(square) + square + 0.01 * entropy))


def stoi(frames: Frames) -> Any:
    """What envelopes lack of following those of the clean speech: a smooth form of STOI (Taal et al., 2011).

    ``mean 1 - r``, r the correlation of |Y| with |S| in each of 15 thirds of an octave from 150 Hz, over 384 ms that
    overlap by half, where there is speech. STOI's own clipping and its removal of silent frames are left out.
    """
    fe = frames.fe
    length = round(SEGMENT_S * fe.rate / fe.hop)
    if frames.gain.shape[1] < length:
        raise UserError(f"`loss`: stoi needs `timesteps` of {length} or more, which its segments last")
    thirds = _thirds(fe)
    y = ops.sqrt(ops.matmul(ops.square(frames.gain) * frames.noisy_power, thirds) + LEAST)
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


def _root(power: Any) -> Any:
    """Square root whose gradient is finite at 0, and which is 0 there."""
    return ops.sqrt(power + FLOOR) - FLOOR**0.5


def _power(power: Any, c: float) -> Any:
    """Magnitude to the power of c, from squared magnitudes; softened below `FLOOR`, 0 at 0."""
    return ops.exp((c / 2) * ops.log(power + FLOOR)) - FLOOR ** (c / 2)


def _complex_error(frames: Frames) -> Any:
    """|Y - S|^2 over the power of speech."""
    re, im = (frames.gain * x - s for x, s in zip(frames.noisy, frames.clean, strict=True))
    return frames.scale * (ops.square(re) + ops.square(im))


def _overlap_added(fe: FrontEnd, re: Any, im: Any) -> Any:
    """Waveforms [batch, hops, hop] of spectra [batch, time, bins], from the first hop that has all its windows."""
    parts = ops.irfft((re, im), fft_length=fe.fft_size)[..., : fe.window_size]
    parts = parts * frontend.window(fe).astype("float32")
    overlap, count = fe.window_size // fe.hop, re.shape[1]
    return sum(parts[:, overlap - 1 - k : count - k, k * fe.hop : (k + 1) * fe.hop] for k in range(overlap))


def _rooted(distance: Any) -> Any:
    """Root of each sequence's distance, else a few sequences in loud noise teach the network to harm the others."""
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
NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
TERM = re.compile(rf"(?:({NUMBER})\*)?([a-z]\w*)(?:\(([^()]*)\))?(?:\+(?=.)|$)")


@dataclass(frozen=True)
class Term:
    """One loss of a sum, with all its parameters."""

    weight: float
    name: str
    reduction: str
    values: tuple[tuple[str, float], ...]

    def __call__(self, frames: Frames) -> Any:
        """Mean over the batch, weighted."""
        distance = LOSSES[self.name](frames, **dict(self.values))
        return self.weight * ops.mean(REDUCTIONS[self.reduction](distance))

    def __str__(self) -> str:
        values = [f"{name}={value:g}" for name, value in self.values]
        values += [f"reduction={self.reduction}"] if self.name != "si_sdr" else []
        return f"{self.weight:g}*{self.name}({','.join(values)})"


@dataclass(frozen=True)
class Loss:
    """A weighted sum; as text it names every parameter, and `parse` reads it."""

    terms: tuple[Term, ...]

    def __call__(self, frames: Frames) -> Any:
        """Scalar."""
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
    where = f"`{source}={text}`" if source.isidentifier() else f"{source}={text}"
    rest, terms = "".join(text.split()), []
    while True:
        found = TERM.match(rest)
        if not found:
            raise UserError(f"{where}: expected a sum such as 0.7*compressed(c=0.3)+0.3*si_sdr, not '{rest}'")
        terms.append(_term(found, where))
        rest = rest[found.end() :]
        if not rest:
            return Loss(tuple(terms))


def _term(found: re.Match[str], source: str) -> Term:
    weight, name, inner = found.groups()
    if name not in LOSSES:
        raise UserError(f"{source}: unknown loss '{name}'; known are {', '.join(LOSSES)}")
    if weight is not None and not 0 < float(weight) < math.inf:
        raise UserError(f"{source}: the weight {weight} of {name} must be above 0")
    known = {
        key: p.default for key, p in inspect.signature(LOSSES[name]).parameters.items() if key != "frames"
    }
    reduction = "root" if name == "compressed" else "mean"
    allowed = [*known] + ["reduction"] * (name != "si_sdr")
    for part in inner.split(",") if inner else ():
        key, _, value = part.partition("=")
        if key not in allowed:
            raise UserError(f"{source}: {name} has no parameter '{key}'; it has {', '.join(allowed)}")
        if key == "reduction":
            if value not in REDUCTIONS:
                raise UserError(
                    f"{source}: reduction={value} of {name} must be one of {', '.join(REDUCTIONS)}"
                )
            reduction = value
            continue
        low, high = RANGES[key]
        if not re.fullmatch(NUMBER, value) or not low <= float(value) <= high:
            raise UserError(f"{source}: {key}={value} of {name} must be a number from {low:g} to {high:g}")
        known[key] = float(value)
    return Term(float(weight or 1), name, reduction, tuple(known.items()))


USUAL = parse(DEFAULT)
