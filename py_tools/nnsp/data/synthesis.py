# SPDX-License-Identifier: BSD-3-Clause
"""Speech made by espeak-ng and computed noise, for training without a data set."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from nnsp.data import corpus
from nnsp.data.mixing import scale_noise
from nnsp.errors import UserError
from nnsp.progress import progress
from nnsp.signal import audio, levels

RATE = audio.RATE
NOISE_SECONDS = 10
NOISES_PER_CLASS = 6
BABBLE_TALKERS = 8
TEST_SHARE = 0.15  # of the seconds

# (espeak-ng voice, words per minute, pitch 0..99): each is one speaker.
VOICES = (
    ("en-us+m1", 155, 40),
    ("en-us+m3", 175, 30),
    ("en-us+m7", 140, 55),
    ("en-us+f2", 165, 60),
    ("en-us+f4", 150, 70),
    ("en-gb+m2", 160, 45),
    ("en-gb+f1", 170, 65),
    ("en-gb+f3", 145, 50),
    ("en-gb-scotland+m4", 165, 50),
    ("en-gb-scotland+f5", 155, 75),
    ("en-gb-x-rp+m5", 150, 35),
    ("en-gb-x-rp+f2", 180, 80),
    ("en-029+m6", 160, 45),
    ("en-029+f1", 150, 60),
)
# Heard only in babble, so that it never is the speaker's own voice.
BABBLE_VOICES = (("en-us+m8", 180, 50), ("en-gb+f4", 190, 55), ("en-us+f5", 170, 45), ("en-gb+m6", 165, 65))

SENTENCES = (
    "The kettle was whistling before anyone had found the cups.",
    "Please turn the lamp in the hallway down a little.",
    "Seven grey geese flew low across the frozen lake.",
    "I left my keys on the shelf beside the yellow jug.",
    "Could you ask them whether the train still stops at noon?",
    "A thin layer of dust lay over every page of the book.",
    "He measured the board twice and then cut it too short.",
    "The voices in the next room grew quieter towards evening.",
    "Which of these boxes holds the sharp scissors?",
    "We walked along the harbour until the fog came in.",
    "Just fix the hinge and the door will close by itself.",
    "She sold the old boat to a fisherman from the north.",
    "My uncle keeps bees behind the vegetable garden.",
    "Nobody expected the bridge to open a month early.",
    "The soup needs salt, some pepper, and ten more minutes.",
    "Write the number down before you forget it again.",
    "A judge with a cold is a danger to long speeches.",
    "The cat watched the snow fall and did not approve.",
    "Take the second street on the left after the church.",
    "They argued about chess, cheese and the price of shoes.",
    "Her bicycle has a basket, two bells and no brakes.",
    "The weather should be dry on Thursday and Friday.",
    "It was so still that you could hear the clock upstairs.",
    "Bring warm gloves, because the tower is always windy.",
)
DEMO_TEXT = (
    "Good morning. This sentence was spoken by a machine, in a room with a fan and a busy keyboard. "
    "Can you still follow every word of it?"
)
DEMO_VOICE = ("en-us+f2", 158, 55)
DEMO_SNR_DB = 5.0


def speak(text: str, voice: tuple[str, int, int]) -> NDArray[np.float32]:
    """Let espeak-ng say something.

    Parameters
    ----------
    voice : (name, words per minute, pitch 0..99)

    Returns
    -------
    float32[samples] at 16 kHz

    Raises
    ------
    UserError
        espeak-ng is not installed, or fails.
    """
    name, speed, pitch = voice
    program = shutil.which("espeak-ng")
    if program is None:
        raise UserError(
            "the built-in speech needs espeak-ng, which is not installed: apt install espeak-ng "
            "(macOS: brew install espeak-ng), or give folders of your own with `speech` and `noise`"
        )
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        command = [program, "-v", name, "-s", str(speed), "-p", str(pitch), "-w", str(wav), text]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not wav.is_file():
            reason = done.stderr.strip() or "no reason given"
            raise UserError(f"espeak-ng could not speak with voice {name}: {reason}")
        return audio.load(wav)[0]


def voices(count: int) -> list[tuple[str, int, int]]:
    """Draw `count` different voices for `speak`: accents, speakers, speeds and pitches."""
    rng = np.random.default_rng(0)
    accents = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029")
    speakers = [f"{sex}{number}" for sex, most in (("m", 8), ("f", 5)) for number in range(1, most + 1)]
    found: dict[tuple[str, int, int], None] = {}
    while len(found) < count:
        name = f"{rng.choice(accents)}+{rng.choice(speakers)}"
        found[name, int(rng.integers(110, 200)), int(rng.integers(10, 91))] = None
    return list(found)


def spoken(labels: Sequence[str], count: int) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    """Yield every label by `count` voices: name of the voice, label, samples at 16 kHz.

    Raises
    ------
    UserError
        The number is negative, or `speak` fails.
    """
    if count < 0:
        raise UserError(f"`voices={count}` must be 0 or more")
    for voice in progress(voices(count), desc="voices", unit="voice", leave=False):
        name = "espeak_" + "_".join(map(str, voice)).replace("+", "_")
        for label in labels:
            yield name, label, speak(label, voice)


def _shaped(
    rng: np.random.Generator, samples: int, gain: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Make Gaussian noise of rms 1 with a magnitude response over frequencies in Hz."""
    frequencies = np.asarray(np.fft.rfftfreq(samples, 1 / RATE), np.float64)
    x = np.fft.irfft(np.fft.rfft(rng.standard_normal(samples)) * gain(frequencies), samples)
    return np.asarray(x / x.std())


def white(rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Make white noise: equal power per Hz."""
    return rng.standard_normal(samples)


def pink(rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Make pink noise: equal power per octave, tilted by up to 2 dB per octave either way."""
    slope = rng.uniform(0.2, 0.8)
    return _shaped(rng, samples, lambda f: np.maximum(f, 20.0) ** -slope)


def hum(rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Make mains hum at 50 or 60 Hz with harmonics, over faint noise."""
    mains = rng.choice([50.0, 60.0]) * (1 + rng.uniform(-0.002, 0.002))
    time = np.arange(samples) / RATE
    x = 0.02 * pink(rng, samples)
    for harmonic in range(1, 25):
        x += rng.uniform(0.2, 1) / harmonic * np.sin(2 * np.pi * (mains * harmonic * time + rng.random()))
    return x


def fan(rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Make a fan: air noise below a corner of 300 to 900 Hz, modulated at the blades' rate, and their tone."""
    corner, blades = rng.uniform(300, 900), rng.uniform(18, 60)
    air = _shaped(rng, samples, lambda f: 1 / (1 + (f / corner) ** 1.5))
    time = np.arange(samples) / RATE
    throb = 1 + 0.25 * np.sin(2 * np.pi * blades * time)
    tone = sum(np.sin(2 * np.pi * (blades * k * time + rng.random())) / k for k in range(1, 9))
    return np.asarray(air * throb + 0.1 * tone)


def typing(rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Make key strokes: two short clicks each, at an uneven pace, with pauses."""
    x = 0.01 * pink(rng, samples)
    at = rng.uniform(0, 0.3)
    while (start := int(at * RATE)) < samples:
        for delay, strength in ((0.0, 1.0), (rng.uniform(0.05, 0.11), 0.5)):
            first = start + int(delay * RATE)
            length = min(int(0.025 * RATE), samples - first)
            if length <= 0:
                continue
            time = np.arange(length) / RATE
            ring = np.sin(2 * np.pi * rng.uniform(1200, 4500) * time) + rng.standard_normal(length)
            x[first : first + length] += strength * rng.uniform(0.4, 1) * ring * np.exp(-time / 0.004)
        at += rng.uniform(0.09, 0.28) + (rng.uniform(0.3, 1.2) if rng.random() < 0.08 else 0)
    return x


def siren(rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Make a siren: a tone with overtones that sweeps up and down."""
    time = np.arange(samples) / RATE
    low, high, pace = rng.uniform(400, 700), rng.uniform(1000, 1700), rng.uniform(0.15, 0.6)
    sweep = signal.sawtooth(2 * np.pi * (pace * time + rng.random()), width=0.5)
    phase = 2 * np.pi * np.cumsum(low + (high - low) * (1 + sweep) / 2) / RATE
    tones = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
    return np.asarray(tones + 0.02 * pink(rng, samples))


def babble(rng: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Mix several voices that talk at once."""
    x = np.zeros(samples)
    for talker in range(BABBLE_TALKERS):
        voice, speed, pitch = BABBLE_VOICES[talker % len(BABBLE_VOICES)]
        shifted = (voice, speed + int(rng.integers(-15, 16)), pitch + int(rng.integers(-20, 21)))
        text = " ".join(SENTENCES[i] for i in rng.permutation(len(SENTENCES))[:5])
        speech = speak(text, shifted)
        speech = np.resize(np.roll(speech, int(rng.integers(speech.size))), samples)
        x += (
            speech / np.sqrt(levels.active_power(speech.astype(np.float32))) * 10 ** (rng.uniform(-6, 0) / 20)
        )
    return x


NOISES: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
    "white": white,
    "pink": pink,
    "hum": hum,
    "fan": fan,
    "typing": typing,
    "siren": siren,
    "babble": babble,
}


def make_corpus(
    folder: Path | str, seed: int = 0, voices: int | None = None, sentences: int | None = None
) -> None:
    """Write ``speech/<voice>/*.wav`` and ``noise/<class>/*.wav``.

    A folder that is there already is complete, and kept.

    Raises
    ------
    UserError
        espeak-ng is not installed.
    """
    folder = Path(folder)
    if folder.is_dir():
        return
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    speakers, texts = VOICES[:voices], SENTENCES[:sentences]
    total = len(speakers) * len(texts) + len(NOISES) * NOISES_PER_CLASS
    with progress(total=total, desc="making speech and noise", unit="file") as bar:
        for voice in speakers:
            for number, sentence in enumerate(texts):
                speech = speak(sentence, voice)
                name = f"{voice[0].replace('+', '_')}/{number:02d}.wav"
                audio.write_wav(unfinished / "speech" / name, speech)
                bar.update()
        for name, noise in NOISES.items():
            for number in range(NOISES_PER_CLASS):
                rng = np.random.default_rng([seed, number, *name.encode()])
                x = noise(rng, NOISE_SECONDS * RATE)
                x = 0.5 * x / np.abs(x).max()
                audio.write_wav(unfinished / "noise" / name / f"{number:02d}.wav", x.astype(np.float32))
                bar.update()
    os.replace(unfinished, folder)


def make_lists(folder: Path | str) -> tuple[Path, Path]:
    """Make the lists of the built-in speech and noise where they do not exist yet.

    Returns
    -------
    train.csv, test.csv : Path

    Raises
    ------
    UserError
        espeak-ng is not installed.
    """
    folder = Path(folder)
    train, test = folder / "train.csv", folder / "test.csv"
    if not (train.is_file() and test.is_file()):
        make_corpus(folder / "synthetic")
        sides: tuple[list[corpus.Clip], list[corpus.Clip]] = ([], [])
        for kind in ("speech", "noise"):
            found = corpus.find_clips(folder / "synthetic" / kind, kind)
            for side, clips in zip(sides, corpus.split(found, TEST_SHARE, seed=0), strict=True):
                side.extend(clips)
        for path, clips in zip((train, test), sides, strict=True):
            corpus.write_list(clips, path)
    return train, test


def demo_pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make the demonstration clip: one voice at 5 dB over a fan and typing.

    Returns
    -------
    noisy, clean : float32[about 9 s at 16 kHz]
    """
    speech = speak(DEMO_TEXT, DEMO_VOICE)
    clean = np.pad(speech, (RATE // 2, RATE // 2))
    clean *= np.float32(0.06 / np.sqrt(levels.active_power(clean)))
    rng = np.random.default_rng(2)
    keys, air = typing(rng, clean.size), fan(rng, clean.size)
    noise = (keys / keys.std() * 0.6 + air / air.std()).astype(np.float32)
    return clean + noise * np.float32(scale_noise(clean, noise, DEMO_SNR_DB)), clean
