# SPDX-License-Identifier: BSD-3-Clause
"""Noisy speech and its clean target, made while training: any row of any step follows from the seed."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsp.data import corpus, filters, noises, rooms
from nnsp.data.corpus import Clip, Corpus
from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings
from nnsp.errors import UserError
from nnsp.signal import levels

RATE = 16000
FADE = 160  # samples: 10 ms at the ends of every piece
FLAT = np.ones(filters.BINS, np.float32)
COMMON_CLASS = 60 * RATE  # from a minute on a noise class counts with the square root of its length
LONG_NOISE = 3 * RATE  # shorter noises recur with gaps in between
ROOMS = 128
SPEECH_TILT_DB = (-2.0, 2.0)  # per octave, of colours; ripples of so many dB come on top
RECORDED_TILT_DB = (-6.0, 2.0)
GAUSSIAN_TILT_DB = (-8.0, 0.0)
RIPPLE_DB = 2.0
VOICES = (4, 8)  # of babble
VOICES_DB = 6.0  # deviation between them
BABBLE_ROOM_PROB = 0.5
CLIP_DB = (-15.0, -1.0)  # where a clipped mixture ends, re its peak
PEAK = 0.999
QUIETEST = 1e-12  # mean square below which a track counts as silent
# A row takes a few megabytes at a time. Once a block of this size has been freed, glibc keeps such memory for
# the next row; to give it back and to take it again costs more time than the sums done in it.
np.empty(30 << 20, np.uint8)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Word:
    """A keyword in a row: its label, and where it begins and ends in samples."""

    label: str
    start: int
    end: int


@dataclass(frozen=True)
class Mixture:
    """One row of a batch."""

    noisy: NDArray[np.float32]  # [samples], on the int16 grid, in [-1, 1)
    clean: NDArray[np.float32]  # [samples], what an ideal enhancer gives back
    snr_db: float  # inf: clean only, -inf: noise only
    speakers: tuple[str, ...]
    noises: tuple[str, ...]
    room: bool
    words: tuple[Word, ...] = ()


def scale_noise(speech: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float) -> float:
    """Return the factor for the noise that puts active speech `snr_db` above the noise's rms."""
    ratio = levels.active_power(speech) / levels.mean_power(noise)
    return float(np.sqrt(ratio * 10 ** (-snr_db / 10)))


def _ramp(samples: int) -> Floats:
    return np.linspace(0, 1, samples, endpoint=False, dtype=np.float32)


RAMP = _ramp(FADE)


def _fade_ends(piece: Floats) -> Floats:
    """Fade a piece in and out over 10 ms, in place."""
    ramp = RAMP if piece.size >= 2 * FADE else _ramp(piece.size // 2)
    piece[: ramp.size] *= ramp
    piece[piece.size - ramp.size :] *= ramp[::-1]
    return piece


def normalised(clip: Clip, samples: NDArray[np.int16], start: int, stop: int) -> Floats:
    """Return a part of a clip, scaled so that the clip's level is 0 dB re full scale."""
    gain = np.float32(10 ** (-clip.level_db / 20) / 32768)
    return _fade_ends(samples[clip.offset + start : clip.offset + stop] * gain)


def _happens(rng: np.random.Generator, probability: float) -> bool:
    """Draw whether something happens. Probability 0 draws no number, so that it changes no other row."""
    return probability > 0 and rng.random() < probability


def _product(gains: Floats | None, response: NDArray[Any]) -> NDArray[Any]:
    return response if gains is None else gains * response


def _add(track: Floats, other: Floats, level_db: float) -> None:
    """Add `other` in place, `level_db` above the track; to a silent track, unscaled."""
    powers = levels.mean_power(track), levels.mean_power(other)
    ratio = powers[0] / powers[1] if min(powers) > QUIETEST else 1.0
    track += other * np.float32(np.sqrt(ratio) * 10 ** (level_db / 20))


def _gain_step(rng: np.random.Generator, samples: int, step_db: tuple[float, float]) -> Floats:
    """Return factors that step to another level within 10 ms, at a random place."""
    at = int(rng.uniform(0.1, 0.9) * samples)
    after = 10 ** (rng.uniform(*step_db) / 20)
    return np.interp(np.arange(samples), [at, at + FADE], [1.0, after]).astype(np.float32)


def _class_weight(frames: int) -> float:
    """Return a class's weight in samples: linear up to a minute, with the square root beyond."""
    return min(frames, COMMON_CLASS) * max(1.0, frames / COMMON_CLASS) ** 0.5


def cumulative(weights: Sequence[float]) -> NDArray[np.float64]:
    """Return cumulative probabilities of the weights."""
    total = np.cumsum(weights, dtype=np.float64)
    return np.asarray(total / total[-1])


class Mixer:
    """Draws mixtures from a list of clips.

    Speakers are drawn by their share of the seconds. So are noise classes up to a minute; longer ones count
    with the square root of their length, so that a class with many recordings does not drown the others.
    Rooms are drawn from the list's measured responses where it has any, else they are made up.

    The ratio of speech to noise is that to all noise, rumble and hum too, after the microphone's band; a step
    in level and clipping come after it.

    Parameters
    ----------
    sounds : Corpus
        Speech and noise.
    seed : int
    settings : MixingSettings
    """

    def __init__(self, sounds: Corpus, seed: int, settings: MixingSettings | None = None) -> None:
        self.sounds = sounds
        self.seed = seed
        self.settings = settings or MixingSettings()
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
        self._speaker_weights = [sum(clip.frames for clip in clips) for clips in self._speakers]
        even = self.settings.even_speakers
        self._speaker_chances = cumulative([1 if even else weight for weight in self._speaker_weights])
        self._class_chances = cumulative(
            [_class_weight(sum(c.frames for c in clips)) for clips in self._classes]
        )
        self._responses = sounds.of("room")
        self._samples = np.asarray(sounds.samples)  # slices of a memory map are slow to make
        self._rooms: dict[int, list[NDArray[np.complex64]]] = {}
        self._curves: dict[str, Floats] = {}

    @classmethod
    def open(cls, list_path: Path | str, seed: int, settings: MixingSettings | None = None) -> "Mixer":
        """Open a mixer over a list made by `nnsp data_se`, with the settings beside it unless others are given."""
        beside = Path(list_path).parent / SETTINGS_FILE
        if settings is None and beside.is_file():
            settings = MixingSettings.read(beside)
        return cls(corpus.load(list_path), seed, settings)

    @property
    def identity(self) -> object:
        """Return what decides the rows; equal identities give equal rows."""
        return self.seed, self.settings, [clip.frames for clip in self.sounds.clips]

    def batch(
        self, epoch: int, step: int, batch_size: int, seconds: float, worker: int = 0, workers: int = 1
    ) -> tuple[NDArray[Any], ...]:
        """Make the rows of one step; the same arguments give the same samples, in any order of calls.

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
        """Make one mixture of `samples` samples."""
        s = self.settings
        rng = np.random.default_rng((self.seed, epoch, step, row))
        kind, snr, level = rng.random(), rng.uniform(*s.snr_db), 10 ** (rng.uniform(*s.level_db) / 10)
        speech_alone = kind < s.clean_only_prob
        noise_alone = not speech_alone and kind < s.clean_only_prob + s.noise_only_prob
        if kind >= 1 - s.silence_prob:
            dither = rng.integers(-1, 2, samples) if rng.random() < 0.5 else np.zeros(samples)
            silence = dither.astype(np.float32) / np.float32(32768)
            return Mixture(silence, np.zeros(samples, np.float32), -np.inf, (), (), False)
        microphone = None
        if _happens(rng, s.band_prob):
            microphone = filters.band(rng.uniform(*s.highpass_hz), rng.uniform(*s.lowpass_hz))
        heard = target = noise = np.zeros(samples, np.float32)
        speakers: tuple[str, ...] = ()
        labels: tuple[str, ...] = ()
        words: tuple[Word, ...] = ()
        in_room = False
        if not noise_alone:
            heard, target, speakers, words, in_room = self._speech(rng, samples, microphone)
        if not speech_alone:
            noise, labels = self._noise(rng, samples, microphone, speakers)
        # A stretch of a recording may be silent whatever its overall level.
        speech_power, noise_power = levels.active_power(heard), levels.mean_power(noise)
        if speech_power > QUIETEST and noise_power > QUIETEST:
            noise = noise * np.float32(scale_noise(heard, noise, snr))
        else:
            snr = np.inf if speech_power > QUIETEST else -np.inf
        loudness = speech_power if speech_power > QUIETEST else noise_power
        noisy = heard + noise
        if _happens(rng, s.gain_step_prob):
            steps = _gain_step(rng, samples, s.gain_step_db)
            noisy, target = noisy * steps, target * steps
        peak = max(np.abs(noisy).max(), np.abs(target).max())
        if _happens(rng, s.clipping_prob):
            end = np.float32(np.abs(noisy).max() * 10 ** (rng.uniform(*CLIP_DB) / 20))
            noisy = np.clip(noisy, -end, end)
        gain = np.sqrt(level / max(loudness, QUIETEST))
        gain = np.float32(min(gain, PEAK / max(peak, QUIETEST)))
        noisy = np.rint(noisy * (gain * 32768)) / np.float32(32768)
        target = target * gain
        if _happens(rng, s.mute_prob):
            muted = min(int(rng.uniform(*s.mute_seconds) * RATE), samples * 3 // 4)
            noisy[:muted] = target[:muted] = 0
            words = tuple(word for word in words if word.start >= muted)
        return Mixture(noisy, target, float(snr), speakers, labels, in_room, words)

    def _piece(self, clip: Clip, start: int, stop: int) -> NDArray[np.float32]:
        """Return a part of a clip, scaled so that the clip's level is 0 dB re full scale."""
        return normalised(clip, self._samples, start, stop)

    def _speaker(self, rng: np.random.Generator) -> list[Clip]:
        return self._speakers[int(np.searchsorted(self._speaker_chances, rng.random()))]

    def _speech_track(
        self, rng: np.random.Generator, samples: int, clips: list[Clip], may_change: bool = True
    ) -> tuple[Floats, tuple[str, ...], tuple[Word, ...]]:
        """Make a track of one speaker's utterances with pauses, sometimes followed by another speaker; no keywords."""
        s = self.settings
        track = np.zeros(samples, np.float32)
        speakers = [clips[0].group]
        midway = rng.random() < 0.5  # begin inside an utterance, or with a pause
        at = 0 if midway else int(rng.uniform(0, min(RATE, samples // 4)))
        if may_change and _happens(rng, s.lead_prob):
            at, midway = int(min(rng.uniform(*s.lead_seconds) * RATE, samples // 2)), False
        while at < samples:
            clip = clips[int(rng.integers(len(clips)))]
            start = int(rng.uniform(0, 0.7 * clip.frames)) if midway else 0
            midway = False
            stop = min(clip.frames, start + samples - at)
            piece = self._piece(clip, start, stop)
            track[at : at + piece.size] = piece * np.float32(10 ** (rng.uniform(-3, 3) / 20))
            at += piece.size + int(rng.uniform(0.1, 1.5) * RATE)
            if may_change and at < samples and rng.random() < 0.2:
                clips = self._speaker(rng)
                speakers.append(clips[0].group)
        return track, tuple(speakers), ()

    def _speech(
        self, rng: np.random.Generator, samples: int, microphone: Floats | None
    ) -> tuple[Floats, Floats, tuple[str, ...], tuple[Word, ...], bool]:
        """Return (at the microphone, target, speakers, keywords, in a room)."""
        s = self.settings
        speed = rng.uniform(*s.speed) if rng.random() < s.speed_prob else 1.0
        if _happens(rng, s.voice_prob):
            speed = rng.uniform(*s.voice_speed)
        speed = filters.nearest_speed(speed)
        coloured, in_room = rng.random() < s.colour_prob, rng.random() < s.reverb_prob
        track, speakers, words = self._speech_track(rng, math.ceil(samples * speed), self._speaker(rng))
        words = tuple(Word(word.label, int(word.start / speed), int(word.end / speed)) for word in words)
        gains = microphone
        if coloured:
            gains = _product(gains, self._curve(rng, "speech", SPEECH_TILT_DB))
        if in_room:
            room = self._room(rng)
            responses = [_product(gains, part) for part in room]
            heard, target = filters.apply(track, samples, responses, True, speed)
            return heard, target, speakers, words, True
        if gains is None and speed != 1:
            gains = FLAT
        if gains is not None:
            (track,) = filters.apply(track, samples, [gains], speed=speed)
        return track, track, speakers, words, False

    def _recorded(self, rng: np.random.Generator, samples: int) -> tuple[Floats, str]:
        """Make a track of recorded noise of one class; short recordings recur with gaps."""
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

    def _babble(self, rng: np.random.Generator, samples: int, not_of: tuple[str, ...]) -> Floats | None:
        """Make babble of several other speakers, in a room or not; None if the list has no others."""
        others = [
            (weight, clips)
            for weight, clips in zip(self._speaker_weights, self._speakers, strict=True)
            if clips[0].group not in not_of
        ]
        if not others:
            return None
        chances = cumulative([weight for weight, _ in others])
        track = np.zeros(samples, np.float32)
        for _ in range(int(rng.integers(VOICES[0], VOICES[1] + 1))):
            clips = others[int(np.searchsorted(chances, rng.random()))][1]
            voice, *_ = self._speech_track(rng, samples, clips, may_change=False)
            track += voice * np.float32(10 ** (rng.normal(0, VOICES_DB) / 20))
        if rng.random() < BABBLE_ROOM_PROB:
            (track,) = filters.apply(track, samples, self._room(rng)[:1], True)
        return track

    def _noise(
        self, rng: np.random.Generator, samples: int, microphone: Floats | None, speakers: tuple[str, ...]
    ) -> tuple[Floats, tuple[str, ...]]:
        """Make noise of one kind, sometimes with a weaker second one, coloured, with rumble and hum."""
        s = self.settings
        track, label = None, ""
        kind = rng.random() if s.babble_prob or s.gaussian_prob else 1.0
        if kind < s.babble_prob:
            track, label = self._babble(rng, samples, speakers), "babble"
        elif kind < s.babble_prob + s.gaussian_prob:
            curve = self._curve(rng, "gaussian", GAUSSIAN_TILT_DB)
            track, label = noises.gaussian(rng, samples, curve), "gaussian"
        if track is None:
            track, label = self._recorded(rng, samples)
        labels = [label]
        if rng.random() < s.second_noise_prob:
            second, label = self._recorded(rng, samples)
            _add(track, second, rng.uniform(-10, 0))
            labels.append(label)
        gains = None
        if rng.random() < s.colour_prob:
            gains = self._curve(rng, "recorded", RECORDED_TILT_DB)
            (track,) = filters.apply(track, samples, [gains])
        for name, prob, make, range_db in (
            ("rumble", s.rumble_prob, noises.rumble, s.rumble_db),
            ("hum", s.hum_prob, noises.hum, s.hum_db),
        ):
            if _happens(rng, prob):
                _add(track, make(rng, samples), rng.uniform(*range_db))
                labels.append(name)
        if microphone is not None:
            (track,) = filters.apply(track, samples, [microphone])
        return track, tuple(labels)

    def _room(self, rng: np.random.Generator) -> list[NDArray[np.complex64]]:
        """Return the spectra of a room's whole and early response."""
        index = int(rng.integers(len(self._responses) or ROOMS))
        if index in self._rooms:
            return self._rooms[index]
        if self._responses:  # there may be too many to keep
            room = rooms.measured(self.sounds.audio(self._responses[index]))
            return [filters.spectrum(room.full), filters.spectrum(room.early)]
        room = rooms.draw(np.random.default_rng((self.seed, index)))
        self._rooms[index] = [filters.spectrum(room.full), filters.spectrum(room.early)]
        return self._rooms[index]

    def _curve(self, rng: np.random.Generator, name: str, tilt_db: tuple[float, float]) -> Floats:
        """Draw one of a kind's random colours."""
        if name not in self._curves:
            self._curves[name] = filters.curves(np.random.default_rng(self.seed), tilt_db, RIPPLE_DB)
        return np.asarray(self._curves[name][int(rng.integers(filters.CURVES))])
