"""Scores of several systems on the same clips, per signal-to-noise ratio."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from nnsp.data import corpus
from nnsp.data.mixing import Mixer, Settings
from nnsp.files import written
from nnsp.processes import workers
from nnsp.signal import audio, metrics
from nnsp.signal.metrics import Scores

Samples = NDArray[np.int16]
LEVEL_DB = -26.0  # of active speech, dBFS


@dataclass(frozen=True)
class Pair:
    """A noisy clip with its clean reference, aligned."""

    bucket: str  # rows of the table are grouped by it
    name: str
    noisy: Samples
    clean: Samples


@dataclass(frozen=True)
class Result:
    """What one system made of one clip."""

    bucket: str
    clip: str
    system: str
    scores: Scores


def mixtures(
    list_path: Path | str, snrs_db: Sequence[float], count: int, seconds: float, seed: int
) -> Iterator[Pair]:
    """Seeded mixtures; clip k is the same speech and the same noise at every ratio.

    Speakers are drawn evenly, noise classes as in training; no rooms, colours or changes of speed.
    """
    sounds = corpus.load(list_path)
    for snr_db in snrs_db:
        settings = Settings(
            snr_db=(snr_db, snr_db),
            level_db=(LEVEL_DB, LEVEL_DB),
            reverb_prob=0,
            colour_prob=0,
            speed_prob=0,
            noise_only_prob=0,
            clean_only_prob=0,
            second_noise_prob=0,
            even_speakers=True,
        )
        mixer = Mixer(sounds, seed, settings)
        for row in range(count):
            mixture = mixer.row(0, 0, row, round(seconds * audio.RATE))
            noisy, clean = audio.to_int16(mixture.noisy), audio.to_int16(mixture.clean)
            yield Pair(f"{snr_db:g} dB", f"{row:03d} {mixture.speakers[0]} {mixture.noises[0]}", noisy, clean)


def folders(noisy: Path, clean: Path) -> Iterator[Pair]:
    """Pairs of recordings with the same names in two folders."""
    for path in audio.files(noisy):
        yield Pair(
            "all", path.stem, *(audio.to_int16(audio.read(p)) for p in (path, audio.partner(path, clean)))
        )


def _score(pair: Pair, system: str, estimate: Samples) -> Result:
    scores = metrics.score(audio.from_int16(pair.clean), audio.from_int16(estimate))
    return Result(pair.bucket, pair.name, system, scores)


def evaluate(pairs: Sequence[Pair], systems: dict[str, Callable[[Samples], Samples]]) -> list[Result]:
    """Scores of the noisy clips and of what each system makes of them.

    Parameters
    ----------
    systems : dict of name -> int16 [n] -> int16 [n], aligned with the input
    """
    everyone = {"noisy": lambda samples: samples, **systems}
    # Networks run here, one after the other; scores are computed meanwhile in other processes.
    with workers() as pool:
        waiting = [
            pool.submit(_score, pair, name, enhance(pair.noisy))
            for pair in tqdm(pairs, desc="enhancing", unit="clip")
            for name, enhance in everyone.items()
        ]
        return [job.result() for job in tqdm(waiting, desc="scoring", unit="clip")]


def write_csv(path: Path | str, results: Sequence[Result]) -> None:
    """A row per clip and system."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["bucket", "clip", "system", *metrics.SCORE_NAMES])
        for r in results:
            writer.writerow([r.bucket, r.clip, r.system, *(f"{value:.4f}" for value in astuple(r.scores))])


def table(results: Sequence[Result]) -> str:
    """Means per bucket and system, as text."""
    rows = []
    for bucket in dict.fromkeys(result.bucket for result in results):
        for system in dict.fromkeys(result.system for result in results):
            scores = [r.scores for r in results if (r.bucket, r.system) == (bucket, system)]
            rows.append((f"{bucket:>6} {system}", Scores.mean(scores)))
    return metrics.table("   SNR system", rows)
