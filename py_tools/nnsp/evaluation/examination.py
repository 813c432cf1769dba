# SPDX-License-Identifier: BSD-3-Clause
"""Behaviour that mean scores hide: silence, noise alone, clean speech, the first second of speech."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnsp.data.corpus import Corpus
from nnsp.data.mixing import Mixer
from nnsp.errors import UserError
from nnsp.evaluation import enhancement, pairs
from nnsp.evaluation.enhancement import Result
from nnsp.evaluation.intervals import Estimate, estimate
from nnsp.evaluation.systems import System
from nnsp.files import written
from nnsp.inference.enhancement import Enhance
from nnsp.progress import progress
from nnsp.signal import audio, levels, metrics

RATE = audio.RATE
SECONDS = 10  # of silence and of each noise; of what comes before the first second
LEFT_OUT = 1  # second of noise that the enhancer may learn it in
ROUNDING = 1 / 12  # power of rounding in steps squared: less counts as this
SCORED = 4  # seconds of speech
STEP = RATE // 10
QUIET = 3 * STEP  # before speech begins
QUIET_DB, SPOKEN_DB, SILENT_DB = (
    -25.0,
    -6.0,
    -15.0,
)  # re active speech: before, in its first second, not scored
HISTORIES = ("nothing", "silence", "speech")


@dataclass(frozen=True)
class Attenuated:
    """How far one noise was attenuated."""

    label: str
    clip: str
    attenuation_db: float


@dataclass(frozen=True)
class Begun:
    """SI-SDR gain in each second of a clip, for each kind of sound before it: float [histories, SCORED].

    NaN where there is no speech.
    """

    clip: str
    gain_db: NDArray[np.float64]


def silence(enhance: Enhance) -> dict[str, int]:
    """Return the peak of the output in int16 steps for an input of zeros, and of random -1, 0, 1."""
    size = SECONDS * RATE
    dither = np.random.default_rng(0).integers(-1, 2, size).astype(np.int16)
    sounds = {"zeros": np.zeros(size, np.int16), "-1, 0, 1 at random": dither}
    return {name: int(np.abs(enhance(x).astype(np.int32)).max()) for name, x in sounds.items()}


def noise(enhance: Enhance, sounds: Corpus, level_db: float) -> list[Attenuated]:
    """Measure the attenuation of every noise of a list, without its first second.

    Parameters
    ----------
    level_db : float
        dBFS (rms) that each is brought to, or less where it would clip; short ones recur.
    """
    found = []
    for clip in progress(sounds.of("noise"), desc="noise", unit="clip"):
        x = np.resize(audio.from_int16(sounds.audio(clip)), SECONDS * RATE)
        power, peak = levels.mean_power(x), float(np.abs(x).max())
        if not power:
            continue
        gain = min(10 ** (level_db / 20) / power**0.5, 1 / peak)
        heard = audio.to_int16(x * np.float32(gain))
        rest = slice(LEFT_OUT * RATE, None)
        powers = [np.mean(np.square(part[rest], dtype=np.float64)) for part in (heard, enhance(heard))]
        before, after = np.maximum(powers, ROUNDING)
        left = 10 * np.log10(before / after)
        found.append(Attenuated(clip.label, clip.path, float(left)))
    if not found:
        raise UserError("the list holds no noise; give one that data_se.py made of speech and noise")
    return found


def clean(enhance: Enhance, folder: Path, processes: int | None = None) -> list[Result]:
    """Score clean recordings after enhancing, against themselves."""
    system = System("enhanced", lambda pair: enhance(pair.noisy))
    return enhancement.evaluate(pairs.folders(folder, folder), [system], processes=processes)


def first_seconds(enhance: Enhance, sounds: Corpus, snr_db: float, count: int, seed: int) -> list[Begun]:
    """Score the same seconds of noisy speech after nothing, after silence and after other noisy speech.

    Speech begins with the first of them, after a pause that only the last history has.
    """
    mixer = Mixer(sounds, seed, pairs.plain(snr_db))
    found: list[Begun] = []
    with progress(total=count, desc="first seconds", unit="clip") as bar:
        for row in range(10 * count):
            mixture = mixer.row(0, 0, row, 2 * SECONDS * RATE)
            start = _beginning(mixture.clean)
            if start is None:
                continue
            end = start + SCORED * RATE
            noisy = audio.to_int16(mixture.noisy[:end])
            heard = {
                "nothing": noisy[start:],
                "silence": np.pad(noisy[start:], (SECONDS * RATE, 0)),
                "speech": noisy,
            }
            parts = [_gains(mixture.clean[start:end], noisy[start:], enhance(heard[h])) for h in HISTORIES]
            found.append(Begun(f"{row:03d} {mixture.speakers[0]} {mixture.noises[0]}", np.array(parts)))
            bar.update()
            if len(found) == count:
                return found
    raise UserError(
        f"only {len(found)} of {10 * count} mixtures have speech that begins after a pause, {count} were asked for; "
        "give a list with more speech, or fewer `clips`"
    )


def _beginning(speech: NDArray[np.float32]) -> int | None:
    """Return the sample at which speech begins after a pause, SECONDS or more into the clip."""
    active = levels.active_power(speech)
    for start in range(SECONDS * RATE, speech.size - SCORED * RATE + 1, STEP):
        before = levels.mean_power(speech[start - QUIET : start])
        after = levels.mean_power(speech[start : start + RATE])
        if before < active * 10 ** (QUIET_DB / 10) and after > active * 10 ** (SPOKEN_DB / 10):
            return start
    return None


def _gains(speech: NDArray[np.float32], noisy: NDArray[np.int16], out: NDArray[np.int16]) -> list[float]:
    active, gains = levels.active_power(speech), []
    before, after = audio.from_int16(noisy), audio.from_int16(out[-noisy.size :])
    for start in range(0, SCORED * RATE, RATE):
        s, x, y = (sound[start : start + RATE] for sound in (speech, before, after))
        spoken = levels.mean_power(s) > active * 10 ** (SILENT_DB / 10)
        gains.append(metrics.si_sdr(s, y) - metrics.si_sdr(s, x) if spoken else np.nan)
    return gains


def per_second(begun: Sequence[Begun]) -> dict[str, list[Estimate]]:
    """Return the mean gain of each second, by history."""
    gains = np.array([b.gain_db for b in begun])
    units = [b.clip for b in begun]
    return {
        history: [estimate(gains[:, row, second], units) for second in range(SCORED)]
        for row, history in enumerate(HISTORIES)
    }


def missed(begun: Sequence[Begun]) -> dict[str, Estimate]:
    """Return the first second's gain minus its gain after speech, by the other histories, over clips."""
    gains = np.array([b.gain_db for b in begun])[:, :, 0]
    units = [b.clip for b in begun]
    return {h: estimate(gains[:, row] - gains[:, -1], units) for row, h in enumerate(HISTORIES[:-1])}


def plot_first_seconds(path: Path, begun: Sequence[Begun], title: str) -> None:
    """Draw `per_second` with intervals."""
    from matplotlib.figure import Figure

    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(title=title, xlabel="second of speech", ylabel="SI-SDR gain (dB)")
    for shift, (history, values) in zip((-0.08, 0, 0.08), per_second(begun).items(), strict=True):
        means = np.array([value.mean for value in values])
        edges = np.array([[v.mean - v.low for v in values], [v.high - v.mean for v in values]])
        label = history if history == "nothing" else f"{SECONDS} s of {history}"
        axes.errorbar(np.arange(1, SCORED + 1) + shift, means, edges, marker="o", capsize=3, label=label)
    axes.set_xticks(range(1, SCORED + 1))
    axes.grid(alpha=0.3)
    axes.legend(title="heard before")
    with written(path) as part:
        figure.savefig(part, format="png", dpi=120)
