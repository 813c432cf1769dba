# SPDX-License-Identifier: BSD-3-Clause
"""Streams of the C library on the host, each named as its counterpart in NumPy: networks, enhancers, classifiers."""

from pathlib import Path
from typing import Any

import numpy as np

from nnsp.arithmetic import Array
from nnsp.integer import detector
from nnsp.integer.clib import CompiledTable, CTables, Library, library
from nnsp.integer.detector import DetectorTable
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import IntegerNetwork


class _Stream:
    """Caller-owned state, 8-byte aligned, that can be saved and restored."""

    def __init__(self, library: Library, size: int) -> None:
        self.library = library
        self.state = library.ffi.new("uint64_t[]", -(-size // 8))
        self.state_bytes = size

    def save(self) -> bytes:
        """A copy of the stream's whole memory."""
        return bytes(self.library.ffi.buffer(self.state, self.state_bytes))

    def restore(self, saved: bytes) -> None:
        """Go on from a saved copy."""
        self.library.ffi.buffer(self.state, self.state_bytes)[:] = saved

    def _words(self, values: Array) -> Any:
        return self.library.ffi.from_buffer("int16_t[]", np.ascontiguousarray(values))


class CNetwork(_Stream):
    """nnsp_net on the host; `ReferenceNetwork` in C.

    Parameters
    ----------
    network : IntegerNetwork
    host : Library, optional
    """

    def __init__(self, network: IntegerNetwork, host: Library | None = None) -> None:
        host = host or library()
        self._tables = CTables(host)
        table = self._tables.network(network)
        super().__init__(host, host.lib.nnsp_net_state_bytes(table))
        self.net = host.ffi.new("nnsp_net *")
        self.units = network.layers[-1].units
        host.check(host.lib.nnsp_net_init(self.net, table, self.state, self.state_bytes))

    def reset(self) -> None:
        """Forget the past."""
        self.library.lib.nnsp_net_reset(self.net)

    def run(self, frames: Array) -> Array:
        """Frames int16 [time, inputs] -> int16 [outputs, units]."""
        ffi, lib = self.library.ffi, self.library.lib
        out = []
        for frame in np.ascontiguousarray(frames, dtype=np.int16):
            y = np.empty(self.units, dtype=np.int16)
            status = lib.nnsp_net_step(
                self.net, ffi.from_buffer("int16_t[]", frame), ffi.from_buffer("int16_t[]", y)
            )
            self.library.check(status)
            if status == lib.NNSP_OK:
                out.append(y)
        return np.array(out, dtype=np.int16).reshape(-1, self.units)


class CEnhancer(_Stream):
    """nnsp_enhancer on the host; `IntegerEnhancer` in C.

    Parameters
    ----------
    model : IntegerModel
    host : Library, optional
    """

    def __init__(self, model: IntegerModel, host: Library | None = None) -> None:
        host = host or library()
        self._tables = CTables(host)
        self._start(host, self._tables.model(model))

    def _start(self, host: Library, table: Any) -> None:
        super().__init__(host, host.lib.nnsp_enhancer_state_bytes(table))
        self.hop = int(table.frontend.hop)
        self.delay = int(table.frontend.window_size) - self.hop
        self.enhancer = host.ffi.new("nnsp_enhancer *")
        host.check(host.lib.nnsp_enhancer_init(self.enhancer, table, self.state, self.state_bytes))

    def reset(self) -> None:
        """Forget the past."""
        self.library.lib.nnsp_enhancer_reset(self.enhancer)

    def process(self, samples: Array, active: Array | None = None) -> Array:
        """Whole hops of int16 samples -> as many, window_size - hop samples late; active: as `IntegerEnhancer`."""
        if samples.dtype != np.int16 or len(samples) % self.hop:
            raise ValueError(f"expected int16 samples, a multiple of {self.hop}")
        heard = np.ones(len(samples) // self.hop, dtype=bool) if active is None else active
        hops = zip(samples.reshape(-1, self.hop), heard, strict=True)
        return np.concatenate([self._hop(hop, on) for hop, on in hops] or [samples[:0]])

    def _hop(self, samples: Array, active: bool) -> Array:
        if active:
            lib, out = self.library.lib, np.empty(self.hop, dtype=np.int16)
            self.library.check(
                lib.nnsp_enhancer_process(self.enhancer, self._words(samples), self._words(out))
            )
            return out
        self.analyse(samples)
        return self.skip()

    def analyse(self, samples: Array) -> None:
        """Analyse one hop of int16 samples; classifiers may use its spectrum until `finish` or `skip` returns it."""
        self.library.lib.nnsp_enhancer_analyse(self.enhancer, self._words(samples))

    def finish(self) -> Array:
        """Return the hop, enhanced."""
        out = np.empty(self.hop, dtype=np.int16)
        self.library.check(self.library.lib.nnsp_enhancer_finish(self.enhancer, self._words(out)))
        return out

    def skip(self) -> Array:
        """Return the hop, turned down without the network."""
        out = np.empty(self.hop, dtype=np.int16)
        self.library.lib.nnsp_enhancer_skip(self.enhancer, self._words(out))
        return out


class CClassifier(_Stream):
    """nnsp_classifier on the host; `IntegerClassifier` in C.

    Parameters
    ----------
    model : IntegerModel
    host : Library, optional
    source : CEnhancer, optional
        Listen to its spectrum: `listen` between its analyse and its finish or skip, no `process`.
    """

    def __init__(
        self, model: IntegerModel, host: Library | None = None, source: CEnhancer | None = None
    ) -> None:
        host = host or library()
        self._tables = CTables(host)
        self._start(host, self._tables.model(model), source)

    def _start(self, host: Library, table: Any, source: CEnhancer | None) -> None:
        ffi, lib = host.ffi, host.lib
        self._source = source
        self.hop = int(table.frontend.hop)
        self.classifier = ffi.new("nnsp_classifier *")
        self.labels = tuple(ffi.string(table.labels[i]).decode() for i in range(table.label_count))
        if source:
            super().__init__(host, lib.nnsp_classifier_shared_state_bytes(table))
            spectrum = ffi.addressof(source.enhancer, "frontend")
            status = lib.nnsp_classifier_init_shared(
                self.classifier, table, spectrum, self.state, self.state_bytes
            )
        else:
            super().__init__(host, lib.nnsp_classifier_state_bytes(table))
            status = lib.nnsp_classifier_init(self.classifier, table, self.state, self.state_bytes)
        host.check(status)

    def reset(self) -> None:
        """Forget the past."""
        self.library.lib.nnsp_classifier_reset(self.classifier)

    def process(self, samples: Array) -> Array:
        """Whole hops of int16 samples -> scores int16 [outputs, labels], Q15."""
        if samples.dtype != np.int16 or len(samples) % self.hop:
            raise ValueError(f"expected int16 samples, a multiple of {self.hop}")
        lib, none = self.library.lib, np.empty((0, len(self.labels)), dtype=np.int16)
        hops = [self._words(hop) for hop in samples.reshape(-1, self.hop)]
        return np.concatenate([none, *(self._scores(lib.nnsp_classifier_process, hop) for hop in hops)])

    def listen(self) -> Array:
        """Scores int16 [outputs, labels] of the spectrum that is there, one or none."""
        return self._scores(self.library.lib.nnsp_classifier_listen)

    def _scores(self, function: Any, *samples: Any) -> Array:
        scores = np.empty((1, len(self.labels)), dtype=np.int16)
        status = function(self.classifier, *samples, self._words(scores))
        self.library.check(status)
        return scores[: int(status == self.library.lib.NNSP_OK)]


class CDetector:
    """nnsp_detector on the host; `IntegerDetector` in C.

    Parameters
    ----------
    table : DetectorTable
    labels : int
    host : Library, optional
    """

    def __init__(self, table: DetectorTable, labels: int, host: Library | None = None) -> None:
        self.library = host or library()
        self._tables = CTables(self.library)
        ffi, lib = self.library.ffi, self.library.lib
        model = self._tables.new(
            "nnsp_model *", {"detector": self._tables.detector(table), "label_count": labels}
        )
        self.labels = labels
        self.detector = ffi.new("nnsp_detector *")
        self._smoothed = ffi.new("int32_t[]", labels)
        self.library.check(lib.nnsp_detector_init(self.detector, model, self._smoothed))

    def reset(self) -> None:
        """Forget the past."""
        self.library.lib.nnsp_detector_reset(self.detector)

    def process(self, scores: Array) -> Array:
        """Scores int16 [outputs, labels] -> decisions int64 [outputs]."""
        if scores.dtype != np.int16 or scores.ndim != 2 or scores.shape[1] != self.labels:
            raise ValueError(f"expected int16 scores [outputs, {self.labels}]")
        ffi, step = self.library.ffi, self.library.lib.nnsp_detector_step
        rows = np.ascontiguousarray(scores)
        return np.array(
            [step(self.detector, ffi.from_buffer("int16_t[]", row)) for row in rows], dtype=np.int64
        )

    @property
    def smoothed(self) -> Array:
        """Smoothed scores of the last output, Q23 int64 [labels]."""
        return np.array(list(self._smoothed), dtype=np.int64)


class TableEnhancer(CEnhancer):
    """nnsp_enhancer with the compiled tables of a def_nn<id>_<name>.c, as a board has them.

    Parameters
    ----------
    source : Path
        The generated .c file; its header lies beside it.
    """

    def __init__(self, source: Path) -> None:
        host = library()
        self._compiled = CompiledTable(source, host)
        self._start(host, self._compiled.model)


class TableClassifier(CClassifier):
    """nnsp_classifier with compiled tables; ``detector`` is what stands in them, or None.

    Parameters
    ----------
    source : Path
        As `TableEnhancer`.
    enhancer : CEnhancer, optional
        Listen to its spectrum, as `CClassifier`.
    """

    def __init__(self, source: Path, enhancer: CEnhancer | None = None) -> None:
        host = library()
        self._compiled = CompiledTable(source, host)
        table = self._compiled.model
        self._start(host, table, enhancer)
        self.detector: DetectorTable | None = None
        if table.detector != host.ffi.NULL:
            d = table.detector[0]
            self.detector = DetectorTable(detector.KINDS[d.kind], d.smoothing, d.hold, d.threshold)
