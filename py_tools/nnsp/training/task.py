# SPDX-License-Identifier: BSD-3-Clause
"""What the trainer asks of a task."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from nnsp.data.source import Source, prefetch
from nnsp.errors import UserError
from nnsp.network.arch import Arch
from nnsp.network.network import Network
from nnsp.progress import progress
from nnsp.signal import frontend
from nnsp.signal.frontend import SMALLEST_STD, FrontEnd
from nnsp.training.folder import Normalisation

FULL_SCALE = 32768.0
SEQUENCE_SECONDS = 10.0
NORMALISATION_SECONDS = 600
NORMALISATION_ROWS = 8  # at a time

Floats = NDArray[np.float32]
# (tensors of a chunk, state, dropout=None) -> (loss, (outputs, new state))
Loss = Callable[..., tuple[Any, tuple[Any, Any]]]


@dataclass(frozen=True)
class Detector:
    """How scores are turned into decisions.

    Parameters
    ----------
    kind : 'state' or 'event'
    smoothing : int
        0 to 7: scores are averaged over about 2^smoothing outputs.
    hold : int
        Outputs for which a state lasts after its last high score, or for which no event follows another.
    threshold : float
        0 to 1.
    """

    kind: str
    smoothing: int
    hold: int
    threshold: float


class Batch(Protocol):
    """Rows that are ready for training."""

    def chunks(self, timesteps: int) -> Iterator[list[Floats]]:
        """Yield the arrays of each update, rows first."""


@dataclass(frozen=True)
class Task(ABC):
    """What a network is trained for: its rows, loss, metrics and decisions.

    ``metrics`` are columns of the history after ``val_loss``. Rows last ``sequence_seconds``; states run through a row
    and begin at zero with the next.
    """

    labels: tuple[str, ...] = ()
    detector: Detector | None = None

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]

    @property
    def sequence_seconds(self) -> float:
        """Return about how long a row lasts; it is made of whole chunks."""
        return SEQUENCE_SECONDS

    @property
    def host_features(self) -> str:
        """Return the kind of features that only the host computes; empty where the front end does."""
        return ""

    @property
    @abstractmethod
    def objective(self) -> str:
        """Return the loss as text. Validation losses of epochs with the same text can be compared."""

    @abstractmethod
    def frontend(self) -> FrontEnd:
        """Return the default front end."""

    @abstractmethod
    def check(self, arch: Arch, fe: FrontEnd) -> None:
        """Refuse the text of a network that does not serve the task.

        Raises
        ------
        UserError
        """

    @abstractmethod
    def state_bytes(self, arch: Arch, fe: FrontEnd) -> int:
        """Return the bytes that the network and its front end keep between frames in C."""

    def normalise(self, fe: FrontEnd, source: Source) -> Normalisation:
        """Return mean and deviation of every feature over rows of epoch 0, which is not used for training.

        Raises
        ------
        UserError
            A row is not finite.
        """
        count, total, squares = 0, np.zeros(fe.feature_count), np.zeros(fe.feature_count)
        seconds = self.sequence_seconds
        batches = range(math.ceil(NORMALISATION_SECONDS / (NORMALISATION_ROWS * seconds)))
        made = prefetch(source, 0, batches, NORMALISATION_ROWS, seconds)
        for heard, *_ in progress(
            made, total=len(batches), desc="mean and deviation", unit="batch", leave=False
        ):
            spectrum = frontend.analyse(fe, frontend.with_history(fe, heard * np.float32(FULL_SCALE)))
            level = frontend.levels(fe, *spectrum).reshape(-1, fe.feature_count)
            count += len(level)
            total += level.sum(axis=0, dtype=np.float64)
            squares += np.square(level, dtype=np.float64).sum(axis=0)
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - mean**2, 0))
        if not np.isfinite(std).all():
            raise UserError("the training data hold NaN or infinity; make the lists again with data_se.py")
        return Normalisation(mean.astype(np.float32), np.maximum(std, SMALLEST_STD).astype(np.float32))

    @abstractmethod
    def batch(self, fe: FrontEnd, made: tuple[NDArray[Any], ...]) -> Batch:
        """Build a batch from the arrays of Source.batch."""

    @abstractmethod
    def loss(
        self,
        network: Network,
        fe: FrontEnd,
        normalisation: Normalisation,
        quantized: bool,
        judging: bool = False,
    ) -> Loss:
        """Return the function from a chunk's tensors to the loss, in ``keras.ops``; judging, that of validation."""

    @abstractmethod
    def measure(self, fe: FrontEnd, batch: Any, outputs: Floats) -> dict[str, list[float]]:
        """Measure values for each of ``metrics``, which is their mean over batches and workers.

        Parameters
        ----------
        fe : FrontEnd
        batch : Batch
        outputs : [rows, ...]
            What the loss function returned with the loss, its chunks joined along axis 1.
        """

    @abstractmethod
    def describe(self, row: dict[str, Any]) -> str:
        """Say the metrics of an epoch in words."""

    def to_json(self) -> dict[str, Any]:
        """Return what a model's folder keeps of the task."""
        detector = asdict(self.detector) if self.detector else None
        return {"task": self.name, "labels": list(self.labels), "detector": detector}

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> Self:
        """Make the task of what its folder keeps."""
        detector = Detector(**form["detector"]) if form["detector"] else None
        return cls(labels=tuple(form["labels"]), detector=detector)
