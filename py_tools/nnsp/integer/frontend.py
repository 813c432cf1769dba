# SPDX-License-Identifier: BSD-3-Clause
"""The fixed-point front end in NumPy: window, transform, features, mask, inverse; equal to nnsp_lib/src/frontend.c."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import Array
from nnsp.errors import UserError
from nnsp.signal import frontend as float_frontend
from nnsp.signal.frontend import FrontEnd

STEP = 1 << 15
"""One squared int16 step in the Q15 energies; the floor of the logarithm."""

BANDS_MAX = 128
"""NNSP_BANDS_MAX: mel bands whose levels find room on the stack on their way to cepstral coefficients."""


@dataclass(frozen=True)
class IntegerFrontEnd:
    """Tables and shifts; nnsp_lib/include/nnsp_table.h says what each holds."""

    float_form: FrontEnd
    window: Array
    twiddle: Array
    band_edge: Array | None
    rising: Array | None
    dct: Array | None
    mean: Array
    gain: Array
    window_shift: int
    power_shift: int
    mask_shift: int
    output_shift: int
    mask_floor: int


def build(fe: FrontEnd, mean: Array, std: Array) -> IntegerFrontEnd:
    """Make the integer tables of a front end.

    Parameters
    ----------
    fe : FrontEnd
    mean, std : array [features]
        Mean and deviation of the log2 energies, in units of one int16 step squared, or of their cepstrum.

    Raises
    ------
    UserError
        The sizes leave no room in 32 bits, or are not what the fixed-point transform takes.

    Notes
    -----
    The fraction bits follow from worst cases: a full-scale input bounds the transform by ``32768 * sum(window)``, and
    the energy of a frame, which no mask can raise, bounds the inverse by Cauchy-Schwarz. docs/numerics.md has the sums.
    """
    n = fe.fft_size
    if (
        n < 64
        or n > 4096
        or n & (n - 1)
        or fe.window_size > n
        or fe.window_size % 2
        or not 0 < fe.hop <= fe.window_size
    ):
        raise UserError(
            f"front end: fft_size {n} must be a power of two from 64 to 4096, window_size {fe.window_size} even and "
            f"at most fft_size, hop {fe.hop} at most window_size; change them where the network was trained"
        )
    if not 0 <= fe.mask_floor <= 0.5:
        raise UserError(
            f"front end: mask_floor {fe.mask_floor} must lie between 0 and 0.5; train with such a one"
        )
    if not 0 <= fe.low_cut < fe.rate / 2:
        raise UserError(
            f"front end: low_cut {fe.low_cut} must lie between 0 and {fe.rate / 2:g} Hz; train with such a one"
        )
    window = float_frontend.window(fe)
    points = n // 2
    stages = twiddled_stages(points)
    half_sum = max(window[0::2].sum(), window[1::2].sum())
    spectrum_frac = _fraction_below(2 * 32768 * np.sqrt(2) * half_sum)
    energy = n * 32768.0**2 * np.sum(window**2)
    power_shift = 2 * spectrum_frac
    if energy * STEP >= 2.0**64:
        raise UserError(
            f"front end: a window of {fe.window_size} does not fit the 64-bit energies; take 1024 or less"
        )
    mfcc = fe.feat_type == "mfcc"
    if mfcc and fe.bands > BANDS_MAX:
        raise UserError(
            f"front end: cepstral coefficients of {fe.bands} mel bands; train with {BANDS_MAX} bands or fewer"
        )
    largest = 2047 if mfcc else 63
    still = np.flatnonzero((np.asarray(std) < 2.0**-10) | (np.abs(mean) >= largest))
    if len(still):
        raise UserError(
            f"front end: feature {still[0]} has mean {mean[still[0]]:.3g} and deviation {std[still[0]]:.3g}; expected "
            f"a mean within {largest} and a deviation of 0.001 or more; train on sound that moves in every band"
        )
    # The inverse sums at most sqrt(points) times the root of half the energy, and halves at every twiddled stage.
    # One bit is given away, so that the usual mask_shift is 16, the upper half of a product.
    inverse_peak = np.sqrt(points * energy / 2) / 2**stages
    masked_frac = min(spectrum_frac - 1, _fraction_below(inverse_peak))
    output_shift = masked_frac - stages + int(np.log2(points)) - 1
    band_edge = rising = dct = None
    if fe.feat_type != "pspec":
        edges, slope = float_frontend.mel_segments(fe)
        band_edge = np.asarray(edges, dtype=np.uint16)
        rising = np.minimum(arithmetic.round_half_up(slope * 32768), 32767).astype(np.int16)
    if mfcc:
        dct = np.minimum(arithmetic.round_half_up(float_frontend.dct_matrix(fe).T * 32768), 32767)
        dct = np.ascontiguousarray(dct.astype(np.int16))
    angle = 2 * np.pi * twiddle_steps(points) / n
    twiddle = np.stack([np.cos(angle), -np.sin(angle)], axis=1)
    return IntegerFrontEnd(
        float_form=fe,
        window=np.minimum(arithmetic.round_half_up(window * 32768), 32767).astype(np.int16),
        twiddle=np.minimum(arithmetic.round_half_up(twiddle * 2.0**31), 2**31 - 1).astype(np.int32),
        band_edge=band_edge,
        rising=rising,
        dct=dct,
        mean=arithmetic.round_half_up(np.asarray(mean) * 65536).astype(np.int32),
        gain=arithmetic.round_half_up(65536 / np.asarray(std)).astype(np.int32),
        window_shift=15 - (spectrum_frac + stages),
        power_shift=power_shift,
        mask_shift=15 + spectrum_frac - masked_frac,
        output_shift=output_shift,
        mask_floor=int(arithmetic.round_half_up(fe.mask_floor * 32768)),
    )


def twiddled_stages(points: int) -> int:
    """Count the radix-4 stages that multiply by twiddles, and so halve, in a transform of `points` = 2**k points."""
    bits = points.bit_length() - 1
    return bits // 2 if bits % 2 else bits // 2 - 1


def _distances(points: int) -> list[int]:
    """Return the distance of a butterfly's points in every twiddled stage."""
    first = 2 if (points.bit_length() - 1) % 2 else 4
    return [first * 4**i for i in range(twiddled_stages(points))]


def twiddle_steps(points: int) -> Array:
    """Return the angles of the twiddles in steps of 2 pi / (2 * points), in the order of nnsp_rfft_s32.

    For every stage of distance q those of w^j, w^2j and w^3j, j < q, w = exp(-j 2 pi / 4q); then the first
    quarter turn, for the split.
    """
    stages = [m * np.arange(q) * (points // (2 * q)) for q in _distances(points) for m in (1, 2, 3)]
    return np.concatenate([*stages, np.arange(points // 2 + 1)])


def _fraction_below(peak: float) -> int:
    return int(np.floor(31 - np.log2(peak)))


def _bit_reversed(points: int) -> Array:
    bits = points.bit_length() - 1
    k = np.arange(points)
    reversed_k = np.zeros_like(k)
    for _ in range(bits):
        reversed_k = (reversed_k << 1) | (k & 1)
        k >>= 1
    return reversed_k


def _rotate(re: Array, im: Array, w: Array) -> tuple[Array, Array]:
    mul = arithmetic.mulhr32
    return mul(re, w[..., 0]) + mul(-im, w[..., 1]), mul(re, w[..., 1]) + mul(im, w[..., 0])


def fft(re: Array, im: Array, twiddle: Array) -> tuple[Array, Array]:
    """Transform complex values along the last axis, as the C library's: bit-reversed input, int64 holding int32 values.

    Parameters
    ----------
    re, im : int64 [frames, points]
    twiddle : int64 [twiddle_steps, 2]
    """
    frames, points = re.shape
    if (points.bit_length() - 1) % 2:
        re, im = (x.reshape(frames, points // 2, 2) for x in (re, im))
        re, im = (np.stack([x[..., 0] + x[..., 1], x[..., 0] - x[..., 1]], axis=-1) for x in (re, im))
        distances = _distances(points)
    else:
        distances = [1, *_distances(points)]
    at = 0
    for q in distances:
        parts_re, parts_im = (x.reshape(frames, points // (4 * q), 4, q) for x in (re, im))
        a, c, b, d = ((parts_re[:, :, i], parts_im[:, :, i]) for i in range(4))
        if q > 1:
            w1, w2, w3 = twiddle[at : at + 3 * q].reshape(3, q, 2)
            at += 3 * q
            a = (a[0] >> 1, a[1] >> 1)
            b, c, d = _rotate(*b, w1), _rotate(*c, w2), _rotate(*d, w3)
        s0, s1 = (a[0] + c[0], a[1] + c[1]), (a[0] - c[0], a[1] - c[1])
        s2, s3 = (b[0] + d[0], b[1] + d[1]), (b[0] - d[0], b[1] - d[1])
        re = np.stack([s0[0] + s2[0], s1[0] + s3[1], s0[0] - s2[0], s1[0] - s3[1]], axis=2)
        im = np.stack([s0[1] + s2[1], s1[1] - s3[0], s0[1] - s2[1], s1[1] + s3[0]], axis=2)
    return re.reshape(frames, points), im.reshape(frames, points)


def analyse(fe: IntegerFrontEnd, frames: Array) -> tuple[Array, Array]:
    """Return the spectrum of frames.

    Parameters
    ----------
    frames : int16 [frames, window_size]

    Returns
    -------
    re, im : int64 [frames, bins]
    """
    n = fe.float_form.fft_size
    points = n // 2
    x = np.zeros((len(frames), n), dtype=np.int64)
    x[:, : fe.float_form.window_size] = (frames.astype(np.int64) * fe.window) >> fe.window_shift
    order = _bit_reversed(points)
    twiddle = fe.twiddle.astype(np.int64)
    zr, zi = fft(x[:, 0::2][:, order], x[:, 1::2][:, order], twiddle)

    k = np.arange(1, points // 2 + 1)
    quarter_turn = twiddle[len(twiddle) - points // 2 - 1 :]
    er, ei = (zr[:, k] >> 1) + (zr[:, points - k] >> 1), (zi[:, k] >> 1) - (zi[:, points - k] >> 1)
    tr, ti = _rotate(zr[:, k] - zr[:, points - k], zi[:, k] + zi[:, points - k], quarter_turn[k])
    re, im = np.empty((2, len(x), points + 1), dtype=np.int64)
    re[:, 0], im[:, 0] = zr[:, 0] + zi[:, 0], 0
    re[:, points], im[:, points] = zr[:, 0] - zi[:, 0], 0
    re[:, k], im[:, k] = er + ti, ei - tr
    re[:, points - k], im[:, points - k] = er - ti, -ei - tr
    return re, im


def framed(fe: IntegerFrontEnd, samples: Array, history: Array | None = None) -> Array:
    """Return frames int16 [frames, window_size] of whole hops; `history`: the samples before them, or zeros."""
    form = fe.float_form
    if history is None:
        history = np.zeros(form.window_size - form.hop, dtype=np.int16)
    starts = np.arange(0, len(samples) // form.hop * form.hop, form.hop)
    return np.concatenate([history, samples])[starts[:, None] + np.arange(form.window_size)]


def stream_features(fe: IntegerFrontEnd, samples: Array) -> Array:
    """Return features Q12 int16 [frames, features] of a recording, int16 samples."""
    return features(fe, *analyse(fe, framed(fe, samples)))


def features(fe: IntegerFrontEnd, re: Array, im: Array) -> Array:
    """Return normalised log2 energies or their cepstrum, Q12 int16 [frames, features], of a spectrum."""
    power = (re * re + im * im).astype(np.uint64) >> np.uint64(fe.power_shift)
    if fe.band_edge is None or fe.rising is None:
        energy = power << np.uint64(15)
    else:
        rising = power * fe.rising.astype(np.uint64)
        falling = (power << np.uint64(15)) - rising
        edges = fe.band_edge.astype(int)
        sums = [(rising[:, a:b].sum(axis=1), falling[:, a:b].sum(axis=1)) for a, b in pairwise(edges)]
        energy = np.stack([up[0] + down[1] for up, down in pairwise(sums)], axis=1)
    level = arithmetic.log2(np.maximum(energy, np.uint64(STEP))) - (15 << 16)
    if fe.dct is not None:
        level = arithmetic.round_shift(level @ fe.dct.T.astype(np.int64), 15)
    product = (level - fe.mean.astype(np.int64)) * fe.gain.astype(np.int64)
    return arithmetic.saturate16(arithmetic.round_shift(product, 32 - arithmetic.FEATURE_FRAC))


def bin_masks(fe: IntegerFrontEnd, masks: Array) -> Array:
    """Return masks of every bin, Q15 int16 [frames, bins], from one per bin or one per mel band."""
    form = fe.float_form
    if masks.shape[1] == form.bins or fe.band_edge is None or fe.rising is None:
        return masks
    segment = np.searchsorted(fe.band_edge, np.arange(form.bins), side="right") - 1
    before, after = (
        masks[:, np.clip(band, 0, form.bands - 1)].astype(np.int64) for band in (segment - 1, segment)
    )
    return (before + ((after - before) * fe.rising >> 15)).astype(np.int16)


def synthesise(fe: IntegerFrontEnd, re: Array, im: Array, mask: Array) -> Array:
    """Return the windowed time signal of masked spectra, before the overlap-add.

    Parameters
    ----------
    re, im : int64 [frames, bins]
    mask : int16 [frames, bins], Q15

    Returns
    -------
    int64 [frames, window_size], Q(output_shift)
    """
    points = fe.float_form.fft_size // 2
    gain = fe.mask_floor + ((mask.astype(np.int64) * (32768 - fe.mask_floor)) >> 15)
    gain[:, : fe.float_form.cut_bins] = 0
    re, im = (re * gain) >> fe.mask_shift, (im * gain) >> fe.mask_shift
    twiddle = fe.twiddle.astype(np.int64)
    k = np.arange(1, points // 2 + 1)
    quarter_turn = twiddle[len(twiddle) - points // 2 - 1 :]
    er, ei = (re[:, k] >> 1) + (re[:, points - k] >> 1), (im[:, k] >> 1) - (im[:, points - k] >> 1)
    tr, ti = _rotate(re[:, k] - re[:, points - k], -im[:, k] - im[:, points - k], quarter_turn[k])
    # Real and imaginary parts change places, so that the forward transform inverts.
    zr, zi = np.empty((2, len(re), points), dtype=np.int64)
    first, last = re[:, 0] >> 1, re[:, points] >> 1
    zi[:, 0], zr[:, 0] = first + last, first - last
    zi[:, k], zr[:, k] = er + ti, ei + tr
    zi[:, points - k], zr[:, points - k] = er - ti, tr - ei
    order = _bit_reversed(points)
    zr, zi = fft(zr[:, order], zi[:, order], twiddle)
    x = np.stack([zi, zr], axis=-1).reshape(len(re), 2 * points)[:, : fe.float_form.window_size]
    return (x * fe.window.astype(np.int64)) >> 16


def turn_down(fe: IntegerFrontEnd, frames: Array) -> Array:
    """Do as `synthesise` of frames, int16 [frames, window_size], whose gains are all mask_floor, up to rounding."""
    windowed = frames.astype(np.int64) * fe.window
    quiet = 4 * arithmetic.mulhr32(windowed, np.array(fe.mask_floor << (fe.output_shift + 1)))
    return (quiet * fe.window.astype(np.int64)) >> 16
