# SPDX-License-Identifier: BSD-3-Clause
"""What the C library on this computer makes of the hops that a board had."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnsp import places
from nnsp.device.messages import Decision, Edge, Hello, Network, Scores
from nnsp.errors import UserError

if TYPE_CHECKING:
    from nnsp.integer.c_streams import TableClassifier, TableEnhancer

MODELS = places.TABLES


def find_table(model: str) -> Path:
    """Return the generated C file def_nn<id>_<model>.c; raises UserError where there is not just one."""
    return places.table(model, MODELS)


def check_enhancer(board: str, hello: Hello, model: str) -> None:
    """Refuse a board whose enhancer is not the model that was asked for, or that has none."""
    if hello.enhancer is None:
        raise UserError(
            f"{board}: the board has no enhancer, its networks are {hello.models}; stream_events streams through them"
        )
    if hello.enhancer.name != model:
        raise UserError(
            f"{board}: the board has the model '{hello.enhancer.name}', '{model}' was asked for; "
            f"load the other firmware, or say `model={hello.enhancer.name}`"
        )


def _check(hello: Hello, network: Network, model: Any, table: Path) -> None:
    """Refuse a board whose network was built from other tables than ours."""
    ours = (model.id, model.network.checksum, model.frontend.checksum)
    theirs = (network.model_id, network.network_checksum, network.frontend_checksum)
    if ours != theirs:
        raise UserError(
            f"{hello.board}: its model '{network.name}' was built from other tables than {table} "
            f"(id and checksums {_numbers(theirs)}, expected {_numbers(ours)}); "
            "build and load the firmware again"
        )


def _numbers(values: tuple[int, ...]) -> str:
    return " ".join(f"{value:X}" for value in values)


def enhancer_of(table: Path, hello: Hello) -> "TableEnhancer":
    """Return the C library's enhancer with the generated C file `table`, from which the board's was built.

    Raises
    ------
    UserError
        The board's enhancer has other tables.
    """
    from nnsp.integer.c_streams import TableEnhancer

    enhancer = TableEnhancer(table)
    network = hello.enhancer
    assert network is not None
    _check(hello, network, enhancer.enhancer.model, table)
    return enhancer


@dataclass
class Expected:
    """What all networks make of one hop."""

    audio: NDArray[np.int16]
    scores: Scores
    decisions: list[Decision]


class _Listener:
    """One classifier and its detector, on an analysis of its own."""

    def __init__(self, classifier: "TableClassifier") -> None:
        from nnsp.integer.c_streams import CDetector

        self.classifier = classifier
        self.model = classifier.classifier.model
        self.scores = np.zeros(len(classifier.labels), np.int16)
        self.detector = (
            CDetector(classifier.detector, len(classifier.labels)) if classifier.detector else None
        )
        self.given = self.active = False

    def hear(self, samples: NDArray[np.int16]) -> None:
        """Analyse, whether it listens or rests."""
        library, state = self.classifier.library, self.classifier.classifier
        frontend = library.ffi.addressof(state, "frontend")
        library.lib.nnsp_frontend_analyse(frontend, library.ffi.from_buffer("int16_t[]", samples))
        self.given = False

    def wake(self) -> None:
        """Start again as speech begins: detector and clip."""
        library, state = self.classifier.library, self.classifier.classifier
        if self.model.network.clip_frames:
            library.lib.nnsp_net_reset(library.ffi.addressof(state, "net"))
        if self.detector:
            self.detector.reset()

    def listen(self, hop: int) -> list[Decision]:
        """Take scores, and decide."""
        found = self.classifier.listen()
        self.given = len(found) > 0
        if not self.given:
            return []
        self.scores = found[0]
        if self.detector is None or self.classifier.detector is None:
            return []
        label, edge = int(self.detector.process(found)[0]), Edge.EVENT
        if self.classifier.detector.kind == "state":
            before, self.active = self.active, label == 1
            if before == self.active:
                return []
            label, edge = 0, Edge.BEGIN if self.active else Edge.END
        elif label == 0:
            return []
        probability = int(self.detector.smoothed[label]) >> 8
        return [Decision(hop, int(self.model.id), label, probability, edge)]


class Reference:
    """The networks of an image, side by side; ``networks_step`` in C.

    Parameters
    ----------
    tables : list of Path
        The generated C files, in the order of the image.
    hello : Hello

    Raises
    ------
    UserError
        The board's networks have other tables.
    """

    def __init__(self, tables: list[Path], hello: Hello) -> None:
        from nnsp.integer.c_streams import TableClassifier

        self.enhancer: TableEnhancer | None = None
        self.listeners: list[_Listener] = []
        self.gate: _Listener | None = None
        self._open = False
        for table, network in zip(tables, hello.networks, strict=True):
            if network.task == "enhance":
                self.enhancer = enhancer_of(table, hello)
                continue
            listener = _Listener(TableClassifier(table))
            _check(hello, network, listener.model, table)
            self.listeners.append(listener)
            if network is hello.gating:
                self.gate = listener

    def step(self, number: int, samples: NDArray[np.int16], gating: bool) -> Expected:
        """Take one hop.

        Parameters
        ----------
        number : int
            Of the hop, since START.
        samples : int16 [hop]
        gating : bool
            As `nnsp.device.messages.Settings`.
        """
        decisions: list[Decision] = []
        for listener in self.listeners:
            listener.hear(samples)
        was_open = self._open
        if self.gate:
            decisions += self.gate.listen(number)
        self._open = self.gate is None or not gating or self.gate.active
        for listener in self.listeners:
            if listener is self.gate or not self._open:
                continue
            if not was_open:
                listener.wake()
            decisions += listener.listen(number)
        audio = samples
        if self.enhancer:
            self.enhancer.analyse(samples)
            audio = self.enhancer.finish() if self._open else self.enhancer.skip()
        given = np.array([listener.given for listener in self.listeners], np.bool_)
        values = [listener.scores for listener in self.listeners]
        scores = Scores(given, np.concatenate([np.zeros(0, np.int16), *values]))
        return Expected(audio, scores, decisions)
