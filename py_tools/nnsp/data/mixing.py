"""Noisy speech and its clean target, made while training: any row of any step follows from the seed."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from nnsp.data import corpus, rooms
from nnsp.data.corpus import Clip, Corpus
from nnsp.errors import UserError
from nnsp.files import written
from nnsp.signal import levels

RATE = 16000
SETTINGS_FILE = "mixing.json"  # beside the lists
FADE = 160  # samples: 10 ms at the ends of every piece
COMMON_CLASS = 60 * RATE  # from a minute on a noise class counts with the square root of its length
LONG_NOISE = 3 * RATE  # shorter noises recur with gaps in between
ROOMS = 128
CURVES = 64  # microphone and room colours
CURVE_KNOTS_HZ = 62.5 * 2.0 ** np.arange(8)  # 62.5 Hz ... 8 kHz
PEAK = 0.999
QUIETEST = 1e-12  # mean square below which a track counts as silent


@dataclass(frozen=True)
class Settings:
    """What mixtures are like. Ranges are drawn from evenly."""

    snr_db: tuple[float, float] = (-5.0, 25.0)  # active speech over noise rms
    level_db: tuple[float, float] = (-45.0, -5.0)  # active speech (or noise alone), dBFS
    reverb_prob: float = 0.2
    colour_prob: float = 0.5  # for speech and noise each
    speed_prob: float = 0.3
    speed: tuple[float, float] = (0.9, 1.1)
    noise_only_prob: float = 0.05
    clean_only_prob: float = 0.05
    second_noise_prob: float = 0.25
    even_speakers: bool = False  # draw speakers evenly instead of by their share of the seconds

    def write(self, path: Path | str) -> None:
        """Write as JSON."""
        with written(path) as part:
            part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path | str) -> "Settings":
        """Read what `write` wrote; a value that is left out takes its default.

        Raises
        ------
        UserError
            Not JSON, an unknown name, a probability outside [0, 1], or a range that does not rise.
        """
        try:
            given = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read as JSON ({error}); make it with data_se.py") from None
        known = {field.name for field in fields(cls)}
        for name, value in given.items():
            if name not in known:
                raise UserError(f"{path}: unknown setting {name!r}; known are {', '.join(sorted(known))}")
            if name == "even_speakers":
                if not isinstance(value, bool):
                    raise UserError(f"{path}: {name} is {value!r}, and must be true or false")
                continue
            numbers = value if isinstance(value, list) else [value]
            if not all(isinstance(number, int | float) for number in numbers):
                raise UserError(f"{path}: {name} is {value!r}, and must be made of numbers")
            if name.endswith("_prob"):
                if len(numbers) != 1 or not 0 <= numbers[0] <= 1:
                    raise UserError(f"{path}: {name} is {value!r}, and must lie between 0 and 1")
            elif len(numbers) != 2 or numbers[0] > numbers[1]:
                raise UserError(f"{path}: {name} is {value!r}, and must be two numbers, the smaller first")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        return cls(**values)


@dataclass(frozen=True)
class Mixture:
    """One row of a batch."""

    noisy: NDArray[np.float32]  # [samples], on the int16 grid, in [-1, 1)
    clean: NDArray[np.float32]  # [samples], what an ideal enhancer gives back
    snr_db: float  # inf: clean only, -inf: noise only
    speakers: tuple[str, ...]
    noises: tuple[str, ...]
    room: bool


def scale_noise(speech: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float) -> float:
    """Factor for the noise that puts active speech `snr_db` above the noise's rms."""
    ratio = levels.active_power(speech) / levels.mean_power(noise)
    return float(np.sqrt(ratio * 10 ** (-snr_db / 10)))


def _fade_ends(piece: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fade a piece in and out over 10 ms, in place."""
    length = min(FADE, piece.size // 2)
    ramp = np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
    piece[:length] *= ramp
    piece[piece.size - length :] *= ramp[::-1]
    return piece


def _class_weight(frames: int) -> float:
    """A class's weight in samples: linear up to a minute, with the square root from there."""
    return min(frames, COMMON_CLASS) * max(1.0, frames / COMMON_CLASS) ** 0.5


def _chances(weights: Sequence[float]) -> NDArray[np.float64]:
    """Cumulative probabilities."""
    total = np.cumsum(weights, dtype=np.float64)
    return np.asarray(total / total[-1])


class Mixer:
    """Draws mixtures from a list of clips.

    Speakers are drawn by their share of the seconds. So are noise classes up to a minute; longer ones count
    with the square root of their length, so that a class with many recordings does not drown the others.
    Rooms are drawn from the list's measured responses where it has any, else they are made up.

    Parameters
    ----------
    sounds : Corpus
        Speech and noise.
    seed : int
    settings : Settings
    """

    def __init__(self, sounds: Corpus, seed: int, settings: Settings | None = None) -> None:
        self.sounds = sounds
        self.seed = seed
        self.settings = settings or Settings()
        speech: dict[str, list[Clip]] = defaultdict(list)
        noise: dict[str, list[Clip]] = defaultdict(list)
        for clip in sounds.clips:
            if clip.kind == "speech":
                speech[clip.group].append(clip)
            elif clip.kind == "noise":
                noise[clip.label].append(clip)
        if not speech or not noise:
            raise UserError("mixtures need both speech and noise in the list; make it with data_se.py")
        self._speakers = list(speech.values())
        self._classes = list(noise.values())
        even = self.settings.even_speakers
        self._speaker_chances = _chances([1 if even else sum(c.frames for c in s) for s in self._speakers])
        self._class_chances = _chances(
            [_class_weight(sum(c.frames for c in clips)) for clips in self._classes]
        )
        self._responses = sounds.of("room")
        self._rooms: dict[int, rooms.Room] = {}
        self._colours: dict[int, NDArray[np.float32]] = {}

    @classmethod
    def open(cls, list_path: Path | str, seed: int, settings: Settings | None = None) -> "Mixer":
        """Mixer over a list made by data_se.py, with the settings beside it unless others are given."""
        beside = Path(list_path).parent / SETTINGS_FILE
        if settings is None and beside.is_file():
            settings = Settings.read(beside)
        return cls(corpus.load(list_path), seed, settings)

    def batch(
        self, epoch: int, step: int, batch_size: int, seconds: float, worker: int = 0, workers: int = 1
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
        """The rows of one step; the same arguments give the same samples, in any order of calls.

        Parameters
        ----------
        epoch, step : int
        batch_size : int
            Rows of all workers together.
        seconds : float
        worker, workers : int
            Make every `workers`-th row from row `worker` on; a single worker makes them all.

        Returns
        -------
        noisy, clean : float32[rows, seconds * 16000] in [-1, 1)
        valid : int32[rows]
            Samples of each row that are sound and not padding (here: all).
        """
        samples, rows = round(seconds * RATE), range(worker, batch_size, workers)
        noisy = np.empty((len(rows), samples), np.float32)
        clean = np.empty((len(rows), samples), np.float32)
        for place, row in enumerate(rows):
            mixture = self.row(epoch, step, row, samples)
            noisy[place], clean[place] = mixture.noisy, mixture.clean
        return noisy, clean, np.full(len(rows), samples, np.int32)

    def row(self, epoch: int, step: int, row: int, samples: int) -> Mixture:
        """One mixture of `samples` samples."""
        s = self.settings
        rng = np.random.default_rng((self.seed, epoch, step, row))
        kind, snr, level = rng.random(), rng.uniform(*s.snr_db), 10 ** (rng.uniform(*s.level_db) / 10)
        speech_alone = kind < s.clean_only_prob
        noise_alone = not speech_alone and kind < s.clean_only_prob + s.noise_only_prob
        heard = target = noise = np.zeros(samples, np.float32)
        speakers: tuple[str, ...] = ()
        noises: tuple[str, ...] = ()
        in_room = False
        if not noise_alone:
            heard, target, speakers, in_room = self._speech(rng, samples)
        if not speech_alone:
            noise, noises = self._noise(rng, samples)
        # A stretch of a recording may be silent whatever its overall level.
        speech_power, noise_power = levels.active_power(heard), levels.mean_power(noise)
        if speech_power > QUIETEST and noise_power > QUIETEST:
            noise = noise * np.float32(scale_noise(heard, noise, snr))
        else:
            snr = np.inf if speech_power > QUIETEST else -np.inf
        loudness = speech_power if speech_power > QUIETEST else noise_power
        noisy = heard + noise
        gain = np.sqrt(level / max(loudness, QUIETEST))
        peak = max(np.abs(noisy).max(), np.abs(target).max())
        gain = np.float32(min(gain, PEAK / max(peak, QUIETEST)))
        noisy = np.rint(noisy * (gain * 32768)) / np.float32(32768)
        return Mixture(noisy, target * gain, float(snr), speakers, noises, in_room)

    def _piece(self, clip: Clip, start: int, stop: int) -> NDArray[np.float32]:
        """Part of a clip at its own level brought to 0 dB re full scale."""
        gain = 10 ** (-clip.level_db / 20) / 32768
        samples = self.sounds.samples[clip.offset + start : clip.offset + stop]
        return _fade_ends(samples * np.float32(gain))

    def _speech_track(
        self, rng: np.random.Generator, samples: int
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Utterances with pauses; mostly of one speaker, sometimes handing over to another."""
        track = np.zeros(samples, np.float32)
        clips = self._speakers[int(np.searchsorted(self._speaker_chances, rng.random()))]
        speakers = [clips[0].group]
        midway = rng.random() < 0.5  # begin inside an utterance, or with a pause
        at = 0 if midway else int(rng.uniform(0, min(RATE, samples // 4)))
        while at < samples:
            clip = clips[int(rng.integers(len(clips)))]
            start = int(rng.uniform(0, 0.7 * clip.frames)) if midway else 0
            midway = False
            stop = min(clip.frames, start + samples - at)
            piece = self._piece(clip, start, stop)
            track[at : at + piece.size] = piece * np.float32(10 ** (rng.uniform(-3, 3) / 20))
            at += piece.size + int(rng.uniform(0.1, 1.5) * RATE)
            if at < samples and rng.random() < 0.2:
                clips = self._speakers[int(np.searchsorted(self._speaker_chances, rng.random()))]
                speakers.append(clips[0].group)
        return track, tuple(speakers)

    def _speech(
        self, rng: np.random.Generator, samples: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[str, ...], bool]:
        """(at the microphone, target, speakers, in a room): speed, colour and room in one spectrum."""
        s = self.settings
        length = fft.next_fast_len(samples + rooms.LENGTH, real=True)
        spoken = length
        if rng.random() < s.speed_prob:
            spoken = fft.next_fast_len(round(length * rng.uniform(*s.speed)), real=True)
        coloured, in_room = rng.random() < s.colour_prob, rng.random() < s.reverb_prob
        if spoken == length and not coloured and not in_room:
            track, speakers = self._speech_track(rng, samples)
            return track, track, speakers, False
        # What is spoken covers `samples` at its new speed; zeros follow, for the room to ring out in.
        cover = min(spoken, -(-samples * spoken // length))
        track, speakers = self._speech_track(rng, cover)
        bins = length // 2 + 1
        spectrum = fft.rfft(track, spoken)[:bins]
        if spectrum.size < bins:
            spectrum = np.pad(spectrum, (0, bins - spectrum.size))
        if coloured:
            spectrum = spectrum * self._colour(rng, length)
        if not in_room:
            track = fft.irfft(spectrum, length)[:samples]
            return track, track, speakers, False
        room = self._room(int(rng.integers(len(self._responses) or ROOMS)))
        heard = fft.irfft(spectrum * fft.rfft(room.full, length), length)[:samples]
        target = fft.irfft(spectrum * fft.rfft(room.early, length), length)[:samples]
        return heard, target, speakers, True

    def _noise_track(self, rng: np.random.Generator, samples: int) -> tuple[NDArray[np.float32], str]:
        """Noise of one class; short ones recur with gaps."""
        clips = self._classes[int(np.searchsorted(self._class_chances, rng.random()))]
        track = np.zeros(samples, np.float32)
        at = 0
        while at < samples:
            clip = clips[int(rng.integers(len(clips)))]
            left = samples - at
            start = int(rng.integers(max(clip.frames - left, 0) + 1))
            piece = self._piece(clip, start, min(clip.frames, start + left))
            track[at : at + piece.size] = piece
            at += piece.size
            if clip.frames < LONG_NOISE:
                at += int(rng.uniform(0, 1) * RATE)
        return track, clips[0].label

    def _noise(self, rng: np.random.Generator, samples: int) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """One class of noise, sometimes a weaker second one, sometimes coloured."""
        track, label = self._noise_track(rng, samples)
        labels = [label]
        if rng.random() < self.settings.second_noise_prob:
            second, label = self._noise_track(rng, samples)
            track += second * np.float32(10 ** (rng.uniform(-10, 0) / 20))
            labels.append(label)
        if rng.random() < self.settings.colour_prob:
            length = fft.next_fast_len(samples + rooms.LENGTH, real=True)
            track = fft.irfft(fft.rfft(track, length) * self._colour(rng, length), length)[:samples]
        return track, tuple(labels)

    def _room(self, index: int) -> rooms.Room:
        if self._responses:
            return rooms.measured(self.sounds.audio(self._responses[index]))
        if index not in self._rooms:
            self._rooms[index] = rooms.draw(np.random.default_rng((self.seed, index)))
        return self._rooms[index]

    def _colour(self, rng: np.random.Generator, length: int) -> NDArray[np.float32]:
        """A smooth random response without phase: a tilt up to 2 dB per octave, ripples of about 2 dB."""
        if length not in self._colours:
            draw = np.random.default_rng(self.seed)
            octaves = np.log2(np.maximum(fft.rfftfreq(length, 1 / RATE), CURVE_KNOTS_HZ[0]))
            knots = np.log2(CURVE_KNOTS_HZ)
            tilt = draw.uniform(-2, 2, (CURVES, 1)) * (knots - np.log2(1000.0))
            gains = tilt + draw.normal(0, 2, (CURVES, knots.size))
            curves = [10 ** (np.interp(octaves, knots, gain) / 20) for gain in gains]
            self._colours[length] = np.asarray(curves, np.float32)
        return np.asarray(self._colours[length][int(rng.integers(CURVES))])


def prefetch(
    mixer: Mixer,
    epoch: int,
    steps: Sequence[int],
    batch_size: int,
    seconds: float,
    threads: int = 2,
    worker: int = 0,
    workers: int = 1,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]]:
    """Batches of the steps in order, the next ones being made meanwhile.

    NumPy and the FFT let go of the interpreter lock, so threads do.
    """
    ahead = threads + 1
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]]] = []
        try:
            for step in steps:
                waiting.append(pool.submit(mixer.batch, epoch, step, batch_size, seconds, worker, workers))
                if len(waiting) > ahead:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for job in waiting:
                job.cancel()
