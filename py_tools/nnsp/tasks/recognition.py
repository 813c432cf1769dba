# SPDX-License-Identifier: BSD-3-Clause
"""Recognition: which of some classes a whole clip is of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nnsp.data.augmentation import Augmentation
from nnsp.data.clips import Clips, ClipSource, cut, windows
from nnsp.data.source import Source
from nnsp.errors import UserError
from nnsp.network import arch as arch_text
from nnsp.network import sizes
from nnsp.network.arch import Arch
from nnsp.network.network import Network
from nnsp.progress import progress
from nnsp.signal import clip_features, frontend
from nnsp.signal.frontend import SMALLEST_STD, FrontEnd
from nnsp.training.folder import Normalisation
from nnsp.training.task import FULL_SCALE, Floats, Loss, Task

SMALLEST_SCORE = 2.0**-15


@dataclass(frozen=True)
class ClipBatch:
    """Clips: waveforms in int16 units with their history, or features; their classes and weights."""

    rows: Floats
    classes: NDArray[np.int64]
    weights: Floats

    def chunks(self, timesteps: int) -> Iterator[list[Any]]:
        """Yield the whole batch: a network sees whole clips."""
        yield [self.rows, self.classes, self.weights]


@dataclass(frozen=True)
class Recognition(Task):
    """Tell which class a clip is of.

    Parameters
    ----------
    features : str
        Empty: those of the front end, which a board computes; else a kind of `clip_features`, for the host alone.
    seconds : float
        Of a clip.
    smoothing : float
        Share of a label that is spread over all classes, so that scores are not driven to 0 and 1.
    """

    features: str = ""
    seconds: float = 1.0
    smoothing: float = 0.1

    name: ClassVar[str] = "rec"
    metrics: ClassVar[tuple[str, ...]] = ("val_accuracy",)

    @property
    def sequence_seconds(self) -> float:
        """Return the length of a clip."""
        return self.seconds

    @property
    def host_features(self) -> str:
        """Return the kind of features that the host computes; empty where the front end does."""
        return self.features

    @property
    def objective(self) -> str:
        """Return the cross entropy and its smoothing as text."""
        return f"cross_entropy(smoothing={self.smoothing:g})"

    def frontend(self) -> FrontEnd:
        """Return the default front end, of 40 mel bands; for features of the host, one with their frames."""
        if not self.features:
            return FrontEnd(bands=40)
        return FrontEnd(
            rate=clip_features.RATE,
            window_size=clip_features.N_FFT,
            hop=clip_features.HOP,
            fft_size=clip_features.N_FFT,
        )

    def check(self, arch: Arch, fe: FrontEnd) -> None:
        """Refuse a network that does not give a score per class at the end of a clip."""
        arch_text.check_clips(arch)
        if not self.features:
            arch_text.check_classifier(arch, fe, len(self.labels))
            return
        arch_text.check_scores(arch, len(self.labels))
        count = clip_features.COUNTS[self.features]
        if arch.input_neurons != count:
            raise UserError(
                f"{arch.name}: input_neurons {arch.input_neurons}, but `features={self.features}` are {count}; "
                "change one of them"
            )

    def state_bytes(self, arch: Arch, fe: FrontEnd) -> int:
        """Return the bytes that a classifier keeps in C; for features of the host, the network alone."""
        return sizes.state_bytes(arch) if self.features else sizes.classifier_state_bytes(arch, fe)

    def normalise(self, fe: FrontEnd, source: Source) -> Normalisation:
        """Return mean and deviation of every feature; those of the host over all frames of the training set."""
        if not self.features:
            return super().normalise(fe, source)
        assert isinstance(source, ClipSource)
        frames = np.concatenate(source.items)
        std = np.maximum(frames.std(axis=0), SMALLEST_STD)
        return Normalisation(frames.mean(axis=0).astype(np.float32), std.astype(np.float32))

    def batch(self, fe: FrontEnd, made: tuple[NDArray[Any], ...]) -> ClipBatch:
        """Build a batch from the arrays of ClipSource.batch."""
        rows, classes, weights = made
        if not self.features:
            rows = frontend.with_history(fe, rows * np.float32(FULL_SCALE))
        return ClipBatch(rows, classes, weights)

    def loss(
        self,
        network: Network,
        fe: FrontEnd,
        normalisation: Normalisation,
        quantized: bool,
        judging: bool = False,
    ) -> Loss:
        """Return the cross entropy, judged without smoothing; the outputs are scores."""
        smoothing = 0.0 if judging else self.smoothing

        def of_chunk(
            rows: Any,
            classes: Any,
            weights: Any,
            state: Any,
            dropout: keras.random.SeedGenerator | None = None,
        ) -> tuple[Any, tuple[Any, Any]]:
            level = rows if self.features else frontend.levels(fe, *frontend.analyse(fe, rows, ops), ops)
            features = frontend.features(level, normalisation.mean, normalisation.std, ops)
            scores, state = network.step(features, state, quantized, dropout)
            wanted = ops.one_hot(classes, len(self.labels)) * (1 - smoothing) + smoothing / len(self.labels)
            entropy = -ops.sum(wanted * ops.log(scores[:, -1] + SMALLEST_SCORE), axis=-1)
            return ops.sum(entropy * weights) / ops.maximum(ops.sum(weights), 1.0), (scores[:, -1:], state)

        return of_chunk

    def measure(self, fe: FrontEnd, batch: ClipBatch, outputs: Floats) -> dict[str, list[float]]:
        """Measure whether the greatest score is that of the class."""
        right = outputs[:, -1].argmax(axis=-1) == batch.classes
        return {"val_accuracy": right[batch.weights > 0].astype(float).tolist()}

    def describe(self, row: dict[str, Any]) -> str:
        """Say the accuracy."""
        return f"accuracy {row['val_accuracy']:.1%}"

    def to_json(self) -> dict[str, Any]:
        """Return what the folder keeps: with the features and the length of a clip."""
        return {**super().to_json(), "features": self.features, "seconds": self.seconds}

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Self:
        """Make the task of what its folder keeps."""
        return cls(labels=tuple(form["labels"]), features=form["features"], seconds=form["seconds"])


TASK = Recognition


def items(sounds: Clips, features: str, length: int) -> list[Floats]:
    """Return what rows are cut from: samples, or features of the host of at least `length` samples."""
    if not features:
        return list(sounds.samples)
    padded = (windows(x, length)[0] if x.size < length else x for x in sounds.samples)
    bar = progress(padded, total=len(sounds.samples), desc=features, unit="clip", leave=False)
    return [clip_features.extract(features, x) for x in bar]


def sources(
    material: list[Floats],
    classes: NDArray[np.int64],
    parts: dict[str, NDArray[np.int64]],
    row: int,
    seed: int,
    augmentation: Augmentation | None,
) -> tuple[ClipSource, ClipSource]:
    """Return the sources of training and validation.

    Parameters
    ----------
    material : list
        Of `items`.
    parts : dict
        Of `clips.split`.
    row : int
        Samples or frames of a row.
    augmentation : Augmentation, optional
        Of samples; without it training sees other parts of long clips, and short ones at other places.
    """
    made = [
        ([material[i] for i in parts[name]], classes[parts[name]], row, seed)
        for name in ("train", "validation")
    ]
    return ClipSource(*made[0], change=augmentation or cut), ClipSource(*made[1])
