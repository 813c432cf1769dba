# SPDX-License-Identifier: BSD-3-Clause
"""Scores of enhanced speech against its clean reference, both 16 kHz and aligned."""

from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from nnsp.errors import UserError

RATE = 16000
SHORTEST = RATE // 2  # PESQ and STOI have nothing to average over below that


@dataclass(frozen=True)
class Scores:
    """Higher is better in all. NaN where a score is not defined, as PESQ is for speech it cannot find."""

    si_sdr_db: float
    stoi: float
    estoi: float
    pesq_wb: float

    @staticmethod
    def mean(scores: "list[Scores]") -> "Scores":
        """Return the mean of each score over the clips for which it is defined."""
        table = np.array([astuple(s) for s in scores], np.float64)
        defined = ~np.isnan(table)
        counts = defined.sum(axis=0)
        totals = np.where(defined, table, 0.0).sum(axis=0)
        return Scores(*(float(t / n) if n else float("nan") for t, n in zip(totals, counts, strict=True)))


SCORE_NAMES = tuple(field.name for field in fields(Scores))
LABELS = {
    "si_sdr_db": ("SI-SDR dB", 2),
    "stoi": ("STOI", 3),
    "estoi": ("ESTOI", 3),
    "pesq_wb": ("PESQ-WB", 2),
    "sig": ("SIG", 2),
    "bak": ("BAK", 2),
    "ovrl": ("OVRL", 2),
}
"""Name of a score (the last three are DNSMOS P.835's) -> how tables call it, and its decimals."""


def si_sdr(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> float:
    """Return the scale-invariant signal-to-distortion ratio of two zero-mean signals in dB (Le Roux et al., 2019).

    Returns
    -------
    float
        inf for a scaled copy, -inf where nothing of the reference is left, NaN for a silent reference.
    """
    s = reference.astype(np.float64) - np.mean(reference, dtype=np.float64)
    y = estimate.astype(np.float64) - np.mean(estimate, dtype=np.float64)
    energy = s @ s
    if energy == 0:
        return float("nan")
    target = (s @ y) / energy * s
    rest = y - target
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10((target @ target) / (rest @ rest))) if y.any() else float("-inf")


def pesq_wb(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> float:
    """Return wide-band PESQ (ITU-T P.862.2); NaN where it finds no utterance or the estimate is silent."""
    import pesq

    if not np.any(estimate):
        return float("nan")
    try:
        return float(pesq.pesq(RATE, reference, estimate, "wb"))
    except (pesq.NoUtterancesError, pesq.BufferTooShortError):
        return float("nan")


def score(reference: NDArray[np.float32], estimate: NDArray[np.float32]) -> Scores:
    """Compute all scores of one clip.

    Parameters
    ----------
    reference, estimate : float32[samples] at 16 kHz
        Aligned: whoever delayed the estimate takes the delay out first.

    Raises
    ------
    UserError
        The two differ in length, or last less than half a second.
    """
    import pystoi

    if reference.shape != estimate.shape:
        raise UserError(
            f"the reference has {reference.size} samples and the sound to score {estimate.size}; give a pair "
            "of the same length"
        )
    if reference.size < SHORTEST:
        raise UserError(f"{reference.size / RATE:.2f} s is too short to score; give half a second or more")
    return Scores(
        si_sdr(reference, estimate),
        float(pystoi.stoi(reference, estimate, RATE)),
        float(pystoi.stoi(reference, estimate, RATE, extended=True)),
        pesq_wb(reference, estimate),
    )


def table(head: str, rows: list[tuple[str, Scores]]) -> str:
    """Return scores as aligned text.

    Parameters
    ----------
    head : str
        Of the first column.
    rows : list of (name, scores)
    """
    width = max(len(head), *(len(name) for name, _ in rows))
    lines = [f"{head:{width}}  SI-SDR dB   STOI  ESTOI  PESQ-WB"]
    for name, s in rows:
        lines.append(f"{name:{width}}  {s.si_sdr_db:9.2f}  {s.stoi:5.3f}  {s.estoi:5.3f}  {s.pesq_wb:7.2f}")
    return "\n".join(lines)
