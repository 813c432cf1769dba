# SPDX-License-Identifier: BSD-3-Clause
"""Speech enhancement: a gain for every frequency, from mixtures of speech and noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nnsp.network import arch as arch_text
from nnsp.network import sizes
from nnsp.network.arch import Arch
from nnsp.network.network import Network
from nnsp.signal import frontend, metrics
from nnsp.signal.frontend import FrontEnd
from nnsp.training import losses
from nnsp.training.folder import Normalisation
from nnsp.training.task import FULL_SCALE, Floats, Loss, Task

QUIET = 0.1  # least speech power that the loss divides by, as a share of the noisy power
TRIVIAL_DB = 30.0  # mixtures cleaner than this say nothing about enhancement


@dataclass(frozen=True)
class Mixtures:
    """Mixtures in int16 units with their history, which of their frames count, and their levels."""

    fe: FrontEnd
    noisy: Floats
    clean: Floats
    valid: Floats
    level: Floats

    @classmethod
    def of(cls, fe: FrontEnd, made: tuple[NDArray[Any], ...]) -> "Mixtures":
        """Build the sequences from noisy, clean and lengths of Mixer.batch, waveforms in [-1, 1)."""
        noisy, clean = (x * np.float32(FULL_SCALE) for x in made[:2])
        ends = (np.arange(noisy.shape[1] // fe.hop) + 1) * fe.hop
        valid = (ends <= made[2][:, None]).astype(np.float32)
        powers = [np.mean(np.square(x), axis=1, dtype=np.float64) for x in (clean, noisy)]
        power = np.maximum(np.maximum(powers[0], QUIET * powers[1]), 1.0)
        level = np.sqrt(power * np.sum(frontend.window(fe) ** 2)).astype(np.float32)
        return cls(fe, frontend.with_history(fe, noisy), frontend.with_history(fe, clean), valid, level)

    def chunks(self, timesteps: int) -> Iterator[list[Floats]]:
        """Yield noisy and clean waveforms, valid and level, `timesteps` frames at a time."""
        fe = self.fe
        for start in range(0, self.valid.shape[1], timesteps):
            samples = slice(start * fe.hop, (start + timesteps) * fe.hop + fe.history)
            valid = self.valid[:, start : start + timesteps]
            yield [self.noisy[:, samples], self.clean[:, samples], valid, self.level]


@dataclass(frozen=True)
class SpeechEnhancement(Task):
    """Take the noise out of speech.

    Parameters
    ----------
    distance : losses.Loss
    judge : losses.Loss, optional
        Used for validation in place of `distance`.
    """

    distance: losses.Loss = losses.USUAL
    judge: losses.Loss | None = None

    name: ClassVar[str] = "se"
    metrics: ClassVar[tuple[str, ...]] = ("val_si_sdr_gain_db",)

    @property
    def objective(self) -> str:
        """Return the sum of losses as text."""
        return str(self.distance)

    def frontend(self) -> FrontEnd:
        """Return the default front end, of 72 mel bands."""
        return FrontEnd()

    def check(self, arch: Arch, fe: FrontEnd) -> None:
        """Refuse a network that does not give a gain per bin or band."""
        arch_text.check_enhancer(arch, fe)

    def state_bytes(self, arch: Arch, fe: FrontEnd) -> int:
        """Return the bytes that an enhancer keeps between frames in C."""
        return sizes.enhancer_state_bytes(arch, fe)

    def batch(self, fe: FrontEnd, made: tuple[NDArray[Any], ...]) -> Mixtures:
        """Build a batch from the arrays of Mixer.batch."""
        return Mixtures.of(fe, made)

    def loss(
        self,
        network: Network,
        fe: FrontEnd,
        normalisation: Normalisation,
        quantized: bool,
        judging: bool = False,
    ) -> Loss:
        """Return the distance of enhanced from clean spectra; the outputs are gains."""
        distance = self.judge if judging and self.judge else self.distance

        def of_chunk(
            noisy: Any,
            clean: Any,
            valid: Any,
            level: Any,
            state: Any,
            dropout: keras.random.SeedGenerator | None = None,
        ) -> tuple[Any, tuple[Any, Any]]:
            x = frontend.analyse(fe, noisy, ops)
            s = frontend.analyse(fe, clean, ops)
            level_x = frontend.levels(fe, *x, ops)
            features = frontend.features(level_x, normalisation.mean, normalisation.std, ops)
            mask, state = network.step(features, state, quantized, dropout)
            gain = frontend.gain(fe, mask, ops)
            return distance(losses.Frames(fe, losses.Gain(gain), x, s, level, valid)), (gain, state)

        return of_chunk

    def measure(self, fe: FrontEnd, batch: Mixtures, outputs: Floats) -> dict[str, list[float]]:
        """Measure how many dB of SI-SDR each mixture gains that has noise in it."""
        gains = []
        for noisy, clean, gain in zip(batch.noisy, batch.clean[:, fe.history :], outputs, strict=True):
            before = metrics.si_sdr(clean, noisy[fe.history :])
            if before < TRIVIAL_DB:
                re, im = frontend.analyse(fe, noisy)
                enhanced = frontend.synthesise(fe, re * gain, im * gain).astype(np.float32)[fe.history :]
                gains.append(metrics.si_sdr(clean[: len(enhanced)], enhanced) - before)
        return {"val_si_sdr_gain_db": gains}

    def describe(self, row: dict[str, Any]) -> str:
        """Say the gain of SI-SDR."""
        return f"SI-SDR {row['val_si_sdr_gain_db']:+.2f} dB"


TASK = SpeechEnhancement
