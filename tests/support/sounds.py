# SPDX-License-Identifier: BSD-3-Clause
"""Small folders of speech-like and noise-like files, and the list made of them."""

from pathlib import Path

import numpy as np
import soundfile

from nnsp.data import corpus
from nnsp.signal import audio

RATE = 16000
SUFFIXES = {".wav": "WAV", ".au": "AU", ".mp3": "MP3", ".flac": "FLAC", ".ogg": "OGG"}


def syllables(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Bursts of a harmonic tone with pauses, as speech has them."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = rng.uniform(100, 250)
    voice = sum(np.sin(2 * np.pi * pitch * k * time + rng.random()) / k for k in range(1, 20))
    envelope = np.maximum(np.sin(2 * np.pi * rng.uniform(2, 4) * time), 0)
    return np.asarray(0.1 * voice * envelope, np.float32)


def make_folders(root: Path, speakers: int = 6, noises: int = 6) -> tuple[Path, Path]:
    """``speech/s<k>/<n>.wav`` and ``noise/<class>/<n>.wav``."""
    rng = np.random.default_rng(5)
    for speaker in range(speakers):
        for number in range(3):
            x = syllables(rng, rng.uniform(1, 3))
            audio.write_wav(root / "speech" / f"s{speaker}" / f"{number}.wav", x)
    for number in range(noises):
        x = (0.05 * rng.standard_normal(round(rng.uniform(0.5, 5) * RATE))).astype(np.float32)
        audio.write_wav(root / "noise" / ("hiss", "rush")[number % 2] / f"{number}.wav", x)
    return root / "speech", root / "noise"


def make_list(root: Path) -> Path:
    """One list of all of them."""
    speech, noise = make_folders(root)
    clips = corpus.find_clips(speech, "speech") + corpus.find_clips(noise, "noise")
    corpus.write_list(clips, root / "all.csv")
    return root / "all.csv"


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    """A sine as float32 samples."""
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write(path: Path, x: np.ndarray, rate: int = RATE) -> None:
    """Write a sound in the format of its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, x, rate, format=SUFFIXES[path.suffix])
