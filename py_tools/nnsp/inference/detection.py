# SPDX-License-Identifier: BSD-3-Clause
"""Streams of sound through a trained detector: scores in floating point, in NumPy integers, or in C; and events."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsp import arithmetic
from nnsp.errors import UserError
from nnsp.integer.detector import SMOOTHED_FRAC

if TYPE_CHECKING:
    from nnsp.inference.trained import Trained

SCALE = 2.0 ** arithmetic.OUTPUT_FRAC["softmax"]  # of integer scores, those of a sigmoid too

Score = Callable[[NDArray[np.int16]], NDArray[np.int16]]


def open_engine(trained: "Trained", engine: str, task: str) -> Score:
    """What scores recordings.

    Parameters
    ----------
    trained : Trained
    engine : 'float', 'integer' or 'c'
    task : str
        What it must have been trained for.

    Returns
    -------
    callable
        int16 [n], n a multiple of the hop, to scores int16 [outputs, labels], Q15; each call from a fresh state.

    Raises
    ------
    UserError
        It was trained for something else.
    """
    if trained.task.name != task:
        raise UserError(
            f"{trained.arch.name}: was trained for '{trained.task.name}', not for '{task}'; give a network of "
            f"train_{task}.py"
        )
    if engine == "float":

        def of_floats(samples: NDArray[np.int16]) -> NDArray[np.int16]:
            outputs = trained.outputs(trained.features(samples))[:: trained.arch.stride]
            return arithmetic.saturate16(np.rint(outputs * SCALE))

        return of_floats
    from nnsp.inference.conversion import convert

    model, _ = convert(trained)
    if engine == "integer":
        from nnsp.integer.classifier import IntegerClassifier

        stream: Any = IntegerClassifier(model)
    else:
        from nnsp.integer.c_streams import CClassifier

        stream = CClassifier(model)

    def of_integers(samples: NDArray[np.int16]) -> NDArray[np.int16]:
        stream.reset()
        return np.asarray(stream.process(samples), np.int16)

    return of_integers


@dataclass(frozen=True)
class Event:
    """What a detector decided: a keyword, or the begin or end of a state, at the end of the hop, in seconds."""

    seconds: float
    network: str
    label: str
    edge: str  # event, begin or end
    probability: float


class TableDetector:
    """Events of the classifier of a def_nn<id>_<name>.c, in C.

    Parameters
    ----------
    source : Path
        The generated .c file; its header lies beside it.
    name : str
        What its events call the network.

    Raises
    ------
    UserError
        There is no such table, or it has no detector.
    """

    def __init__(self, source: Path, name: str) -> None:
        from nnsp.integer.c_streams import CDetector, TableClassifier

        self.name = name
        self._classifier = TableClassifier(source)
        if self._classifier.detector is None:
            raise UserError(f"{source}: has no detector, and so no events")
        self._state = self._classifier.detector.kind == "state"
        self._detector = CDetector(self._classifier.detector, len(self._classifier.labels))
        self._rate = int(self._classifier.classifier.model.frontend.rate)

    def events(self, blocks: Iterable[NDArray[np.int16]]) -> Iterator[Event]:
        """Yield the events of one recording, given as blocks of int16 samples [n]; its last hop is padded."""
        hop, labels = self._classifier.hop, self._classifier.labels
        self._classifier.reset()
        self._detector.reset()
        active, number = False, 0
        for samples in _hops(blocks, hop):
            number += 1
            for scores in self._classifier.process(samples):
                label = int(self._detector.process(scores[None])[0])
                edge = "event"
                if self._state:
                    changed, active = active != (label == 1), label == 1
                    label, edge = 0, "begin" if active else "end"
                    if not changed:
                        continue
                elif label == 0:
                    continue
                probability = int(self._detector.smoothed[label]) / (SCALE * 2**SMOOTHED_FRAC)
                yield Event(number * hop / self._rate, self.name, labels[label], edge, probability)


def _hops(blocks: Iterable[NDArray[np.int16]], hop: int) -> Iterator[NDArray[np.int16]]:
    rest = np.zeros(0, np.int16)
    for block in blocks:
        rest = np.concatenate([rest, block])
        for start in range(0, rest.size - hop + 1, hop):
            yield rest[start : start + hop]
        rest = rest[rest.size // hop * hop :]
    if rest.size:
        yield np.pad(rest, (0, hop - rest.size))
