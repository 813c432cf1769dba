# SPDX-License-Identifier: BSD-3-Clause
"""The front end in floating point: frames, spectrum, features, inverse.

Waveforms are in units of one int16 step. Frame t ends at sample (t + 1) * hop; before the start there are
zeros. Functions with an ``xp`` argument take NumPy arrays (``numpy``) or tensors (``keras.ops``).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsp.errors import UserError

FEATURE_LOW, FEATURE_HIGH = -8.0, 8.0 - 2.0**-12  # what int16 Q12 holds
SMALLEST_STD = 0.05  # of a feature, in octaves

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FrontEnd:
    """Sizes of the front end; ``window_size``, ``hop`` and ``fft_size`` in samples, ``rate`` in Hz.

    ``mask_floor``, 0 to 0.5, is the least gain: the noise that remains masks distortions of the speech. Below
    ``low_cut``, in Hz, there is no speech, and the gain is 0. ``coefficients`` are those of feat_type mfcc.
    """

    rate: int = 16000
    window_size: int = 480
    hop: int = 160
    fft_size: int = 512
    feat_type: str = "mel"
    bands: int = 72
    mask_floor: float = 0.15
    low_cut: float = 50.0
    coefficients: int = 13

    @property
    def bins(self) -> int:
        """Return the number of frequency bins, fft_size / 2 + 1."""
        return self.fft_size // 2 + 1

    @property
    def feature_count(self) -> int:
        """Return the features per frame: mel bands, bins of the power spectrum, or cepstral coefficients."""
        return {"mel": self.bands, "pspec": self.bins, "mfcc": self.coefficients}[self.feat_type]

    @property
    def cut_bins(self) -> int:
        """Return the number of bins below ``low_cut``."""
        return int(np.count_nonzero(np.arange(self.bins) * (self.rate / self.fft_size) < self.low_cut))

    @property
    def history(self) -> int:
        """Return the samples of a frame before its newest hop, which is also the delay of the output."""
        return self.window_size - self.hop


def gain(fe: FrontEnd, mask: Any, xp: Any = np) -> Any:
    """Turn a network's output, 0 to 1, [..., bins or bands], into the gain of every bin, [..., bins].

    It is mask_floor to 1, and 0 below low_cut.
    """
    if mask.shape[-1] != fe.bins:
        mask = xp.matmul(mask, band_interpolation(fe).astype("float32"))
    heard = (np.arange(fe.bins) >= fe.cut_bins).astype("float32")
    return (fe.mask_floor + (1 - fe.mask_floor) * mask) * heard


def window(fe: FrontEnd) -> Floats:
    """Return the analysis and synthesis window, float64 [window_size].

    The squares of the overlapping windows add to 1.

    Raises
    ------
    UserError
        The hop does not divide the window at least twice, so that they would not.
    """
    if fe.hop < 1 or fe.window_size % fe.hop or fe.window_size // fe.hop < 2:
        raise UserError(
            f"front end: window_size {fe.window_size} must be two or more times hop {fe.hop}, "
            "or the overlapping windows do not add to 1"
        )
    n = np.arange(fe.window_size)
    return np.asarray(np.sqrt(fe.hop / fe.window_size * (1 - np.cos(2 * np.pi * n / fe.window_size))))


def mel_segments(fe: FrontEnd) -> tuple[NDArray[np.int64], Floats]:
    """Divide the bins into segments between neighbouring mel band centres.

    ``bands + 2`` points lie evenly on the HTK scale 2595 log10(1 + f / 700) from 0 to rate / 2. Band j rises
    over segment j and falls over segment j + 1.

    Returns
    -------
    edges : int64 [bands + 2]
        First bin at or above each point.
    rising : float64 [bins]
        Weight of a bin in the band that rises over its segment; the rest, 1 - rising, is in the band before.

    Raises
    ------
    UserError
        A band holds no bin.
    """
    top = 2595 * np.log10(1 + fe.rate / 2 / 700)
    points = 700 * (10 ** (np.linspace(0, top, fe.bands + 2) / 2595) - 1)
    points[-1] = fe.rate / 2
    hertz = np.arange(fe.bins) * (fe.rate / fe.fft_size)
    edges = np.searchsorted(hertz, points, side="left")
    segment = np.clip(np.searchsorted(points, hertz, side="right") - 1, 0, fe.bands)
    rising = (hertz - points[segment]) / (points[segment + 1] - points[segment])
    for band in range(fe.bands):
        low, high = edges[band], edges[band + 2]
        weight = np.where(segment[low:high] == band, rising[low:high], 1 - rising[low:high])
        if not np.any(weight > 0):
            raise UserError(
                f"front end: mel band {band + 1} of {fe.bands} has no frequency of the {fe.fft_size}-point "
                "transform; take fewer bands or a larger fft_size"
            )
    return edges, rising


def mel_matrix(fe: FrontEnd) -> Floats:
    """Return the triangular mel bands as float64 [bins, bands]."""
    edges, rising = mel_segments(fe)
    matrix = np.zeros((fe.bins, fe.bands))
    for band in range(fe.bands):
        up, down = slice(edges[band], edges[band + 1]), slice(edges[band + 1], edges[band + 2])
        matrix[up, band] = rising[up]
        matrix[down, band] = 1 - rising[down]
    return matrix


def dct_matrix(fe: FrontEnd) -> Floats:
    """Return the first coefficients of the orthonormal DCT-II over mel bands: float64 [bands, coefficients].

    Raises
    ------
    UserError
        More coefficients than bands.
    """
    if not 1 <= fe.coefficients <= fe.bands:
        raise UserError(
            f"front end: {fe.coefficients} cepstral coefficients of {fe.bands} mel bands; take 1 to {fe.bands} "
            "coefficients, or more bands"
        )
    band, order = np.arange(fe.bands)[:, None], np.arange(fe.coefficients)
    matrix = np.sqrt(2 / fe.bands) * np.cos(np.pi / fe.bands * (band + 0.5) * order)
    matrix[:, 0] = np.sqrt(1 / fe.bands)
    return np.asarray(matrix)


def band_interpolation(fe: FrontEnd) -> Floats:
    """Return the matrix that interpolates a value per mel band to one per bin: float64 [bands, bins].

    Bins below the centre of the first band have its value, those above that of the last band have that one's.
    """
    edges, rising = mel_segments(fe)
    bins = np.arange(fe.bins)
    segment = np.searchsorted(edges, bins, side="right") - 1
    last = fe.bands - 1
    matrix = np.zeros((fe.bands, fe.bins))
    np.add.at(matrix, (np.clip(segment, 0, last), bins), rising)
    np.add.at(matrix, (np.clip(segment - 1, 0, last), bins), 1 - rising)
    return matrix


def with_history(fe: FrontEnd, x: Any) -> Any:
    """Prepend the zeros that frame 0 reaches back into to waveforms [..., samples]."""
    return np.pad(x, [(0, 0)] * (np.ndim(x) - 1) + [(fe.history, 0)])


def framed(fe: FrontEnd, x: NDArray[Any]) -> NDArray[Any]:
    """Cut what `analyse` takes into frames [..., frames, window_size]."""
    return np.lib.stride_tricks.sliding_window_view(x, fe.window_size, axis=-1)[..., :: fe.hop, :]


def silent(frames: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which frames [..., window_size] in int16 units have no sample beyond +-1."""
    return np.all((frames >= -1) & (frames <= 1), axis=-1)


def analyse(fe: FrontEnd, x: Any, xp: Any = np) -> tuple[Any, Any]:
    """Compute the spectrum of waveforms.

    Parameters
    ----------
    x : [..., history + frames * hop]
        Each frame's own hop and the `FrontEnd.history` before the first one.

    Returns
    -------
    re, im : [..., frames, bins]
    """
    if xp is np:
        spectrum = np.fft.rfft(framed(fe, x) * window(fe).astype(x.dtype), fe.fft_size)
        return spectrum.real, spectrum.imag
    frames = xp.extract_sequences(x, fe.window_size, fe.hop)
    re, im = xp.rfft(frames * window(fe).astype("float32"), fft_length=fe.fft_size)
    return re, im


def levels(fe: FrontEnd, re: Any, im: Any, xp: Any = np) -> Any:
    """Compute log2 energies, or their cepstrum, [..., frames, features]; the floor is one int16 step squared."""
    energy = re * re + im * im
    if fe.feat_type != "pspec":
        energy = xp.matmul(energy, mel_matrix(fe).astype("float32"))
    level = xp.log2(xp.maximum(energy, 1.0))
    return xp.matmul(level, dct_matrix(fe).astype("float32")) if fe.feat_type == "mfcc" else level


def features(level: Any, mean: Any, std: Any, xp: Any = np) -> Any:
    """Normalise levels by mean and deviation; limit them to the range of Q12."""
    return xp.clip((level - mean) / std, FEATURE_LOW, FEATURE_HIGH)


def synthesise(fe: FrontEnd, re: NDArray[Any], im: NDArray[Any]) -> Floats:
    """Turn spectra [..., frames, bins] back into waveforms [..., frames * hop], `FrontEnd.history` samples late."""
    parts = np.fft.irfft(re + 1j * im, fe.fft_size)[..., : fe.window_size] * window(fe)
    count, overlap = parts.shape[-2], fe.window_size // fe.hop
    result = np.zeros((*parts.shape[:-2], count + overlap - 1, fe.hop))
    for k in range(overlap):
        result[..., k : k + count, :] += parts[..., k * fe.hop : (k + 1) * fe.hop]
    return np.asarray(result[..., :count, :].reshape(*parts.shape[:-2], count * fe.hop))
