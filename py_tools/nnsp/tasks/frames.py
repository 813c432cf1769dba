# SPDX-License-Identifier: BSD-3-Clause
"""Base of the tasks that classify every frame of a stream."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nnsp.network import arch as arch_text
from nnsp.network import sizes
from nnsp.network.arch import Arch
from nnsp.network.network import Network
from nnsp.signal import frontend
from nnsp.signal.frontend import FrontEnd
from nnsp.training.folder import Normalisation
from nnsp.training.task import FULL_SCALE, Floats, Loss, Task

LEAST = 1e-4  # probability whose logarithm is still taken


@dataclass(frozen=True)
class LabelledFrames:
    """Waveforms in int16 units with their history, and the class and weight of every frame."""

    fe: FrontEnd
    heard: Floats
    target: Floats
    weight: Floats

    @classmethod
    def of(
        cls, fe: FrontEnd, waves: Floats, target: NDArray[Any], weights: tuple[float, ...]
    ) -> "LabelledFrames":
        """Build a batch from waveforms in [-1, 1), classes [rows, frames] (-1: not counted) and a weight per class."""
        weight = np.append(np.asarray(weights, np.float32), np.float32(0))[target]
        heard = frontend.with_history(fe, waves * np.float32(FULL_SCALE))
        return cls(fe, heard, np.maximum(target, 0).astype(np.float32), weight)

    def chunks(self, timesteps: int) -> Iterator[list[Floats]]:
        """Yield waveforms, classes and weights, `timesteps` frames at a time."""
        fe = self.fe
        for start in range(0, self.target.shape[1], timesteps):
            frames = slice(start, start + timesteps)
            samples = slice(start * fe.hop, (start + timesteps) * fe.hop + fe.history)
            yield [self.heard[:, samples], self.target[:, frames], self.weight[:, frames]]


@dataclass(frozen=True)
class FrameTask(Task):
    """Classify every frame, with one sigmoid or a softmax of all labels."""

    @property
    @abstractmethod
    def class_weights(self) -> tuple[float, ...]:
        """Return the weight of a frame of each class."""

    @property
    def objective(self) -> str:
        """Return the cross-entropy and its weights as text."""
        return f"cross_entropy({','.join(f'{weight:g}' for weight in self.class_weights)})"

    def check(self, arch: Arch, fe: FrontEnd) -> None:
        """Refuse a network without a score for every label in every frame."""
        arch_text.check_classifier(arch, fe, len(self.labels))

    def state_bytes(self, arch: Arch, fe: FrontEnd) -> int:
        """Return the bytes that a classifier keeps between frames in C."""
        return sizes.classifier_state_bytes(arch, fe)

    def loss(
        self,
        network: Network,
        fe: FrontEnd,
        normalisation: Normalisation,
        quantized: bool,
        judging: bool = False,
    ) -> Loss:
        """Return the weighted cross-entropy of a frame; the outputs are probabilities of all classes."""

        def of_chunk(
            heard: Any,
            target: Any,
            weight: Any,
            state: Any,
            dropout: keras.random.SeedGenerator | None = None,
        ) -> tuple[Any, tuple[Any, Any]]:
            level = frontend.levels(fe, *frontend.analyse(fe, heard, ops), ops)
            features = frontend.features(level, normalisation.mean, normalisation.std, ops)
            p, state = network.step(features, state, quantized, dropout)
            if len(self.labels) == 1:
                p = ops.concatenate([1 - p, p], axis=-1)
            right = ops.sum(p * ops.one_hot(ops.cast(target, "int32"), p.shape[-1]), axis=-1)
            return -ops.mean(weight * ops.log(right + LEAST)), (p, state)

        return of_chunk
