"""Training losses: pure functions of spectra, in ``keras.ops``."""

from typing import Any

from keras import ops

COMPRESSION = 0.3
COMPLEX_SHARE = 0.3
FLOOR = 1e-5  # of a power relative to that of speech: 50 dB below it the compression is no longer steep


def masked_compressed_spectrum(
    mask: Any, noisy: tuple[Any, Any], clean: tuple[Any, Any], level: Any, valid: Any
) -> Any:
    """Distance of compressed spectra, magnitudes alone and with phase (Braun and Tashev, 2020).

    ``(1 - a) (|Y|^c - |S|^c)^2 + a |Y |Y|^(c-1) - S |S|^(c-1)|^2`` with ``Y = mask X``, c = 0.3, a = 0.3,
    averaged over bins and valid frames.

    Parameters
    ----------
    mask : [batch, time, bins]
    noisy, clean : (re, im), each [batch, time, bins]
        Spectra X and S.
    level : [batch]
        Root mean square of a bin of each sequence's speech. Spectra are divided by it, so that a quiet
        utterance counts as much as a loud one.
    valid : [batch, time]
        1 for frames that count, else 0.
    """
    gain = 1.0 / level[:, None, None]
    mask = mask * gain
    estimated_magnitude, estimated_re, estimated_im = _compress(noisy[0] * mask, noisy[1] * mask)
    magnitude, re, im = _compress(clean[0] * gain, clean[1] * gain)
    alone = ops.square(estimated_magnitude - magnitude)
    with_phase = ops.square(estimated_re - re) + ops.square(estimated_im - im)
    distance = ops.mean((1 - COMPLEX_SHARE) * alone + COMPLEX_SHARE * with_phase, axis=-1)
    return ops.sum(distance * valid) / ops.maximum(ops.sum(valid), 1.0)


def _compress(re: Any, im: Any) -> tuple[Any, Any, Any]:
    """Magnitude, real and imaginary part with the magnitude raised to `COMPRESSION`."""
    power = re * re + im * im + FLOOR
    factor = ops.power(power, (COMPRESSION - 1) / 2)
    return ops.sqrt(power) * factor, re * factor, im * factor
