"""The C library on the host, through cffi."""

import hashlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from nnsp.arithmetic import Array
from nnsp.errors import UserError
from nnsp.integer import detector, tables
from nnsp.integer.detector import DetectorTable
from nnsp.integer.frontend import IntegerFrontEnd
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import IntegerLayer, IntegerNetwork
from nnsp.places import ROOT

HEADERS = ("status", "table", "net", "frontend", "enhancer", "classifier", "detector")

KERNELS = """
void nnsp_tanh_s16(int16_t *x, unsigned n);
void nnsp_sigmoid_s16(int16_t *x, unsigned n);
void nnsp_softmax_s16(int16_t *x, unsigned n);
int32_t nnsp_log2_u64(uint64_t x);
"""
"""Internal functions that tests look at on their own."""


def declarations() -> str:
    """C declarations of the public headers, without what only a preprocessor understands."""
    text = "\n".join((ROOT / "nnsp_lib/include" / f"nnsp_{name}.h").read_text() for name in HEADERS)
    text = re.sub(r"/\*.*?\*/|#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.DOTALL)
    return re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", "", text, flags=re.MULTILINE)


class Library:
    """The loaded shared library: ``ffi`` and ``lib`` of cffi."""

    def __init__(self, path: Path, extra: str = "") -> None:
        self.ffi = cffi.FFI()
        self.ffi.cdef(declarations() + KERNELS + extra)
        self.lib: Any = self.ffi.dlopen(str(path))

    def check(self, status: int) -> None:
        """Raise the library's own sentence for a negative status."""
        if status < 0:
            raise UserError(self.ffi.string(self.lib.nnsp_status_text(status)).decode())


@cache
def library(checked: bool = False) -> Library:
    """Build the host library where its sources have changed, and load it.

    Parameters
    ----------
    checked : bool
        The build that counts every overflow and saturation in ``lib.nnsp_checked``.
    """
    build = [
        sys.executable,
        "-m",
        "SCons",
        "-Q",
        "-s",
        f"--directory={ROOT}",
        "target=host",
        f"checked={int(checked)}",
    ]
    done = subprocess.run(build, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"the C library does not build for the host:\n{done.stdout}{done.stderr}")
    counts = "typedef struct { uint64_t overflows; uint64_t saturations; } nnsp_checked_counts; "
    path = ROOT / "build" / ("host_checked" if checked else "host") / "libnnsp.so"
    return Library(path, counts + "extern nnsp_checked_counts nnsp_checked;" if checked else "")


class CTables:
    """C structures of a model, and the memory that they point into."""

    def __init__(self, library: Library) -> None:
        self.ffi, self._lib = library.ffi, library.lib
        self._alive: list[Any] = []

    def _array(self, ctype: str, values: Array | None) -> Any:
        if values is None:
            return self.ffi.NULL
        data = self.ffi.from_buffer(f"{ctype}[]", np.ascontiguousarray(values))
        self._alive.append(data)
        return data

    def new(self, ctype: str, value: Any) -> Any:
        """ffi.new that lives as long as this object."""
        pointer = self.ffi.new(ctype, value)
        self._alive.append(pointer)
        return pointer

    def _layer(self, layer: IntegerLayer) -> dict[str, Any]:
        return {
            "weights": self._array("uint32_t", tables.weight_words(layer)),
            "inputs": layer.inputs,
            "units": layer.units,
            "kernel_size": layer.kernel_size,
            "strides": layer.strides,
            "kind": tables.KINDS[layer.kind],
            "activation": tables.ACTIVATIONS[layer.activation],
            "in_frac": layer.in_frac,
            "out_frac": layer.out_frac,
            "shift": layer.shift,
            "returns_last": layer.returns_last,
        }

    def network(self, network: IntegerNetwork) -> Any:
        """const nnsp_network *"""
        layers = self.new("nnsp_layer[]", [self._layer(layer) for layer in network.layers])
        crc, clip_frames = tables.network_checksum(network), network.arch.clip_frames
        return self.new(
            "nnsp_network *", (layers, len(network.layers), tables.TABLE_VERSION, crc, clip_frames)
        )

    def frontend(self, fe: IntegerFrontEnd) -> Any:
        """const nnsp_frontend_table *"""
        form = fe.float_form
        return self.new(
            "nnsp_frontend_table *",
            {
                "window": self._array("int16_t", fe.window),
                "twiddle": self._array("int32_t", fe.twiddle),
                "band_edge": self._array("uint16_t", fe.band_edge),
                "rising": self._array("int16_t", fe.rising),
                "dct": self._array("int16_t", fe.dct),
                "mean": self._array("int32_t", fe.mean),
                "gain": self._array("int32_t", fe.gain),
                "rate": form.rate,
                "window_size": form.window_size,
                "hop": form.hop,
                "fft_size": form.fft_size,
                "features": form.feature_count,
                "bands": tables.band_count(form),
                "feature_kind": tables.FEATURES[form.feat_type],
                "window_shift": fe.window_shift,
                "power_shift": fe.power_shift,
                "mask_shift": fe.mask_shift,
                "output_shift": fe.output_shift,
                "mask_floor": fe.mask_floor,
                "cut_bins": form.cut_bins,
                "checksum": tables.frontend_checksum(fe),
            },
        )

    def detector(self, table: DetectorTable | None) -> Any:
        """const nnsp_detector_table *"""
        if table is None:
            return self.ffi.NULL
        kind = detector.KINDS.index(table.kind)
        return self.new("nnsp_detector_table *", (kind, table.smoothing, table.hold, table.threshold))

    def model(self, model: IntegerModel) -> Any:
        """const nnsp_model *"""
        name = self.new("char[]", model.network.arch.name.encode())
        network, frontend = self.network(model.network), self.frontend(model.frontend)
        labels = self.ffi.NULL
        if model.labels:
            labels = self.new("char *[]", [self.new("char[]", label.encode()) for label in model.labels])
        return self.new(
            "nnsp_model *",
            {
                "name": name,
                "frontend": frontend,
                "network": network,
                "labels": labels,
                "detector": self.detector(model.detector),
                "state_bytes": tables.model_state_bytes(model),
                "label_count": len(model.labels),
                "task": getattr(self._lib, f"NNSP_{model.task.upper()}"),
            },
        )


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
        """One hop of int16 samples, for the classifiers that listen here; `finish` or `skip` gives it back."""
        self.library.lib.nnsp_enhancer_analyse(self.enhancer, self._words(samples))

    def finish(self) -> Array:
        """One hop out, enhanced."""
        out = np.empty(self.hop, dtype=np.int16)
        self.library.check(self.library.lib.nnsp_enhancer_finish(self.enhancer, self._words(out)))
        return out

    def skip(self) -> Array:
        """One hop out, turned down."""
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


class _CompiledTable:
    """The model in a def_nn<id>_<name>.c, compiled, as a board has it: ``model`` is an nnsp_model of `host`."""

    def __init__(self, source: Path, host: Library) -> None:
        if not source.is_file():
            raise UserError(f"{source}: no such table; c_code_table_converter.py makes it")
        symbol = source.stem.removeprefix("def_")
        # A loaded library must not change under the loader's feet: other tables get another file.
        content = hashlib.sha256(source.read_bytes() + source.with_suffix(".h").read_bytes()).hexdigest()[:16]
        shared = ROOT / "build" / "host" / f"{source.stem}_{content}.so"
        shared.parent.mkdir(parents=True, exist_ok=True)
        command = ["cc", "-shared", "-fPIC", f"-I{ROOT / 'nnsp_lib/include'}", "-o", str(shared), str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise UserError(f"{source} does not compile: {done.stderr.strip()}")
        ffi = cffi.FFI()
        ffi.cdef(declarations() + f"extern nnsp_model {symbol};")
        self._compiled = ffi.dlopen(str(shared))
        address = int(ffi.cast("uintptr_t", ffi.addressof(self._compiled, symbol)))
        self.model = host.ffi.cast("nnsp_model *", address)


class TableEnhancer(CEnhancer):
    """nnsp_enhancer with the compiled tables of a def_nn<id>_<name>.c, as a board has them.

    Parameters
    ----------
    source : Path
        The generated .c file; its header lies beside it.
    """

    def __init__(self, source: Path) -> None:
        host = library()
        self._compiled = _CompiledTable(source, host)
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
        self._compiled = _CompiledTable(source, host)
        table = self._compiled.model
        self._start(host, table, enhancer)
        self.detector: DetectorTable | None = None
        if table.detector != host.ffi.NULL:
            d = table.detector[0]
            self.detector = DetectorTable(detector.KINDS[d.kind], d.smoothing, d.hold, d.threshold)
