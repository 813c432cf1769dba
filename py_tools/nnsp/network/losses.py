"""Training losses: pure functions of spectra, in ``keras.ops``."""

from typing import Any

from keras import ops

COMPRESSION = 0.5
COMPLEX_SHARE = 0.5
FLOOR = 1e-10  # of a power relative to that of speech: 100 dB below it the compression is no longer steep
GOOD = 1e-3  # distance of a sequence from which on it hardly matters


def masked_compressed_spectrum(
    mask: Any, noisy: tuple[Any, Any], clean: tuple[Any, Any], level: Any, valid: Any
) -> Any:
    """Distance of compressed spectra, magnitudes alone and with phase (Braun and Tashev, 2020).

    ``(1 - a) (|Y|^c - |S|^c)^2 + a |Y |Y|^(c-1) - S |S|^(c-1)|^2`` with ``Y = mask X``, averaged over bins and valid
    frames. They take c = a = 0.3; 0.5 leaves more of the speech whole, for a little more noise left in. Of each
    sequence's distance the root is taken before the mean, else a few sequences in loud noise teach the network to harm
    the others.

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
    scale = ops.square(1.0 / level)[:, None, None]
    noisy_power = scale * (ops.square(noisy[0]) + ops.square(noisy[1]))
    clean_power = scale * (ops.square(clean[0]) + ops.square(clean[1]))
    product = scale * (noisy[0] * clean[0] + noisy[1] * clean[1])
    cosine = product * ops.rsqrt(noisy_power * clean_power + FLOOR**2)
    estimate = _compress(ops.square(mask) * noisy_power)
    target = _compress(clean_power)
    # |a|^2 + |b|^2 - 2 |a| |b| cos = (|a| - |b|)^2 + 2 |a| |b| (1 - cos): only the estimate has a gradient.
    phase = 2 * COMPLEX_SHARE * target * (1 - cosine)
    distance = ops.mean(ops.square(estimate - target) + estimate * phase, axis=-1)
    of_sequence = ops.sum(distance * valid, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0)
    return ops.mean(ops.sqrt(of_sequence + GOOD) - GOOD**0.5)


def _compress(power: Any) -> Any:
    """Magnitude to the power of `COMPRESSION`, from squared magnitudes; softened below `FLOOR`, 0 at 0."""
    return ops.exp((COMPRESSION / 2) * ops.log(power + FLOOR)) - FLOOR ** (COMPRESSION / 2)
