# SPDX-License-Identifier: BSD-3-Clause
"""Streams with spoken keywords in them, among other speech and noise, made while training like all mixtures."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnsp.data import corpus, mixing
from nnsp.data.corpus import Clip, Corpus
from nnsp.data.mixing import RATE, Mixer, Word
from nnsp.data.mixing_settings import SETTINGS_FILE, MixingSettings
from nnsp.errors import UserError
from nnsp.signal import levels

# Few speakers say the keywords: most rows make other voices of them. Recordings from telephones end below 4 kHz, and
# so do half of the rows, so that a missing treble tells no keyword from other speech.
SETTINGS = MixingSettings(
    voice_prob=0.7,
    voice_speed=(0.8, 1.25),
    band_prob=0.5,
    lowpass_hz=(3400.0, 4200.0),
    clean_only_prob=0.15,
    noise_only_prob=0.08,
    mute_prob=0.04,
    lead_prob=0.0,
)
OTHER_PROB = 0.3  # of a row of speech without keywords
KEYWORD_PROB = 0.6  # of an utterance of the other rows
PART_PROB = 0.15  # of a keyword that breaks off, and is none then
PART = (0.25, 0.55)
OTHER_SECONDS = (0.3, 3.0)
PAUSE_SECONDS = (0.05, 1.0)
LEVEL_DB = (-6.0, 6.0)
COMMON = 0.75
MOST_WORDS = 64  # of a row


class KeywordMixer(Mixer):
    """Draws mixtures whose speech has keywords in it.

    Keywords are drawn evenly; who says one, by the number of clips of each to the power of `COMMON`, so that many
    voices with a clip or two stand beside a few with many.

    Parameters
    ----------
    sounds : Corpus
        Speech and noise without keywords.
    keywords : Corpus
    seed : int
    settings : MixingSettings
    """

    def __init__(
        self, sounds: Corpus, keywords: Corpus, seed: int, settings: MixingSettings | None = None
    ) -> None:
        super().__init__(sounds, seed, settings or SETTINGS)
        self.keywords = keywords
        self.labels = labels_of(keywords)
        self._said = np.asarray(keywords.samples)
        speakers: dict[str, dict[str, list[Clip]]] = {label: defaultdict(list) for label in self.labels}
        for clip in keywords.clips:
            speakers[clip.label][clip.group].append(clip)
        self._sayings = {label: list(of.values()) for label, of in speakers.items()}
        self._chances_of = {
            label: mixing.cumulative([len(clips) ** COMMON for clips in groups])
            for label, groups in self._sayings.items()
        }

    @classmethod
    def of_lists(cls, list_path: Path | str, words_path: Path | str, seed: int) -> "KeywordMixer":
        """Open a mixer over a list of sounds and one of keywords, with the settings beside the second."""
        beside = Path(words_path).parent / SETTINGS_FILE
        settings = MixingSettings.read(beside) if beside.is_file() else None
        return cls(corpus.load(list_path), corpus.load(words_path), seed, settings)

    @property
    def identity(self) -> object:
        """Return what decides the rows; equal identities give equal rows."""
        return super().identity, [(clip.label, clip.frames) for clip in self.keywords.clips]

    def batch(
        self, epoch: int, step: int, batch_size: int, seconds: float, worker: int = 0, workers: int = 1
    ) -> tuple[NDArray[Any], ...]:
        """Make the rows of one step, as `Mixer.batch`.

        Returns
        -------
        waves : float32[rows, seconds * 16000] in [-1, 1)
        words : int32[rows, MOST_WORDS, 3]
            Number of the label, from 1 on, start and end in samples; zeros where there are no more.
        """
        samples, rows = round(seconds * RATE), range(worker, batch_size, workers)
        waves = np.empty((len(rows), samples), np.float32)
        words = np.zeros((len(rows), MOST_WORDS, 3), np.int32)
        for place, row in enumerate(rows):
            mixture = self.row(epoch, step, row, samples)
            waves[place] = mixture.noisy
            for number, word in enumerate(mixture.words[:MOST_WORDS]):
                words[place, number] = 1 + self.labels.index(word.label), word.start, word.end
        return waves, words

    def _speech_track(
        self, rng: np.random.Generator, samples: int, clips: list[Clip], may_change: bool = True
    ) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[Word, ...]]:
        """Make a track of keywords, parts of keywords and other utterances, or of other speech alone."""
        if not may_change or rng.random() < OTHER_PROB:
            return super()._speech_track(rng, samples, clips, may_change)
        track, speakers, words = np.zeros(samples, np.float32), [], []
        at = int(rng.uniform(*PAUSE_SECONDS) * RATE)
        while at < samples:
            if rng.random() < KEYWORD_PROB:
                clip = self._saying(rng)
                piece = mixing.normalised(clip, self._said, 0, clip.frames)
                if rng.random() < PART_PROB:
                    piece = piece[: int(rng.uniform(*PART) * piece.size)]
                elif at + piece.size <= samples:
                    words.append(Word(clip.label, at, at + end_of(piece)))
            else:
                clips = self._speaker(rng)
                clip = clips[int(rng.integers(len(clips)))]
                length = min(clip.frames, int(rng.uniform(*OTHER_SECONDS) * RATE))
                start = int(rng.integers(clip.frames - length + 1))
                piece = self._piece(clip, start, start + length)
            speakers.append(clip.group)
            piece = piece[: samples - at] * np.float32(10 ** (rng.uniform(*LEVEL_DB) / 20))
            track[at : at + piece.size] = piece
            at += piece.size + int(rng.uniform(*PAUSE_SECONDS) * RATE)
        return track, tuple(speakers), tuple(words)

    def _saying(self, rng: np.random.Generator) -> Clip:
        label = self.labels[int(rng.integers(len(self.labels)))]
        clips = self._sayings[label][int(np.searchsorted(self._chances_of[label], rng.random()))]
        return clips[int(rng.integers(len(clips)))]


def labels_of(keywords: Corpus) -> tuple[str, ...]:
    """Return the keywords of a list, sorted.

    Raises
    ------
    UserError
        There are none.
    """
    labels = tuple(sorted({clip.label for clip in keywords.of("keyword")}))
    if not labels:
        raise UserError("the list of keywords holds none; make it with data_kws.py")
    return labels


def end_of(x: NDArray[np.float32]) -> int:
    """Return where a spoken word ends: after its last 20 ms frame within 30 dB of the loudest."""
    power = levels.frame_power(x)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-levels.ACTIVE_RANGE_DB / 10))
    return min(int(loud[-1] + 1) * levels.FRAME, x.size)
