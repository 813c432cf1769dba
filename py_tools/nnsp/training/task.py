"""What a task has to say, so that the trainer need not know any."""

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
from nnsp.network.streaming import Network
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
    """How scores become decisions.

    Parameters
    ----------
    kind : 'state' or 'event'
    smoothing : int
        0 to 7: scores are averaged over about 2^smoothing outputs.
    hold : int
        Outputs for which a state lasts on, or no event follows another.
    threshold : float
        0 to 1.
    """

    kind: str
    smoothing: int
    hold: int
    threshold: float


class Batch(Protocol):
    """Rows that are ready to be trained on."""

    def chunks(self, timesteps: int) -> Iterator[list[Floats]]:
        """Arrays, rows first, for one update after the other."""


@dataclass(frozen=True)
class Task(ABC):
    """What a network is trained for: its rows, loss, metrics and decisions.

    ``metrics`` are columns of the history behind ``val_loss``. Rows last ``sequence_seconds``; states run through a row
    and begin at zero with the next.
    """

    labels: tuple[str, ...] = ()
    detector: Detector | None = None

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]

    @property
    def sequence_seconds(self) -> float:
        """Of a row, about: there are whole chunks in it."""
        return SEQUENCE_SECONDS

    @property
    def host_features(self) -> str:
        """Features that the host alone computes; empty where the front end does."""
        return ""

    @property
    @abstractmethod
    def objective(self) -> str:
        """The loss as text. Validation losses of epochs with the same text compare."""

    @abstractmethod
    def frontend(self) -> FrontEnd:
        """Where the user says nothing."""

    @abstractmethod
    def check(self, arch: Arch, fe: FrontEnd) -> None:
        """Refuse a network that does not serve the task.

        Raises
        ------
        UserError
        """

    @abstractmethod
    def state_bytes(self, arch: Arch, fe: FrontEnd) -> int:
        """What the network with its front end remembers in C."""

    def normalise(self, fe: FrontEnd, source: Source) -> Normalisation:
        """Mean and deviation of every feature over rows of epoch 0, which is not trained on.

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
        """From what a source gives."""

    @abstractmethod
    def loss(
        self,
        model: Network,
        fe: FrontEnd,
        normalisation: Normalisation,
        quantized: bool,
        judging: bool = False,
    ) -> Loss:
        """From the tensors of a chunk to the loss, in ``keras.ops``; judging, that of validation."""

    @abstractmethod
    def measure(self, fe: FrontEnd, batch: Any, outputs: Floats) -> dict[str, list[float]]:
        """For each of ``metrics`` values whose mean over batches and workers it is.

        Parameters
        ----------
        fe : FrontEnd
        batch : Batch
        outputs : [rows, ...]
            What the loss gave beside, its chunks joined along axis 1.
        """

    @abstractmethod
    def told(self, row: dict[str, Any]) -> str:
        """The metrics of an epoch in words."""

    def form(self) -> dict[str, Any]:
        """What a model's folder keeps of the task."""
        detector = asdict(self.detector) if self.detector else None
        return {"task": self.name, "labels": list(self.labels), "detector": detector}

    @classmethod
    def restored(cls, form: dict[str, Any]) -> Self:
        """The task of a form."""
        detector = Detector(**form["detector"]) if form["detector"] else None
        return cls(labels=tuple(form["labels"]), detector=detector)
