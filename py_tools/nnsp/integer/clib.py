# SPDX-License-Identifier: BSD-3-Clause
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

from nnsp import places
from nnsp.arithmetic import Array
from nnsp.errors import UserError
from nnsp.files import written
from nnsp.integer import detector, tables
from nnsp.integer.detector import DetectorTable
from nnsp.integer.frontend import IntegerFrontEnd
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import IntegerLayer, IntegerNetwork
from nnsp.network import sizes

PARTS = ("status", "table", "net", "frontend", "enhancer", "classifier", "detector")

KERNELS = """
void nnsp_tanh_s16(int16_t *x, unsigned n);
void nnsp_sigmoid_s16(int16_t *x, unsigned n);
void nnsp_softmax_s16(int16_t *x, unsigned n);
int32_t nnsp_log2_u64(uint64_t x);
"""
"""Internal functions that tests look at on their own."""


def declarations() -> str:
    """C declarations of the public headers, without what only a preprocessor understands."""
    text = "\n".join((places.HEADERS / f"nnsp_{name}.h").read_text() for name in PARTS)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"^#ifdef __cplusplus$.*?^#endif$", "", text, flags=re.DOTALL | re.MULTILINE)
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
    """Load the host library: that of the wheel, or in a checkout a build of its sources as they are now.

    Parameters
    ----------
    checked : bool
        The build that counts every overflow and saturation in ``lib.nnsp_checked``.

    Raises
    ------
    UserError
        The library does not build, or a wheel is asked for its checked build.
    """
    if not places.CHECKOUT:
        if checked:
            raise UserError("the checked build of the C library is built in a checkout; this is a wheel")
        return Library(places.LIBRARY)
    build = [sys.executable, "-m", "SCons", "-Q", "-s", f"--directory={places.ROOT}"]
    done = subprocess.run(
        [*build, "target=host", f"checked={int(checked)}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"the C library does not build for the host:\n{done.stdout}{done.stderr}")
    counts = "typedef struct { uint64_t overflows; uint64_t saturations; } nnsp_checked_counts; "
    path = places.builds() / ("host_checked" if checked else "host") / "libnnsp.so"
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
                "bands": sizes.band_count(form),
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


class CompiledTable:
    """The model in a def_nn<id>_<name>.c, compiled, as a board has it: ``model`` is an nnsp_model of `host`."""

    def __init__(self, source: Path, host: Library) -> None:
        if not source.is_file():
            raise UserError(f"{source}: no such table; c_code_table_converter.py makes it")
        symbol = source.stem.removeprefix("def_")
        ffi = cffi.FFI()
        ffi.cdef(declarations() + f"extern nnsp_model {symbol};")
        self._compiled = ffi.dlopen(str(_compiled(source)))
        address = int(ffi.cast("uintptr_t", ffi.addressof(self._compiled, symbol)))
        self.model = host.ffi.cast("nnsp_model *", address)


def _compiled(source: Path) -> Path:
    """Return the shared library of a table: the wheel's, or one compiled now."""
    shipped = source.with_suffix(".so")
    if shipped.is_file():
        return shipped
    # A loaded library must not change under the loader's feet: other tables get another file.
    content = hashlib.sha256(source.read_bytes() + source.with_suffix(".h").read_bytes()).hexdigest()[:16]
    shared = places.builds() / "host" / f"{source.stem}_{content}.so"
    shared.parent.mkdir(parents=True, exist_ok=True)
    with written(shared) as part:
        command = ["cc", "-shared", "-fPIC", f"-I{places.HEADERS}", "-o", str(part), str(source)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise UserError(f"{source}: compiling a table needs a C compiler, and there is no cc") from None
        if done.returncode:
            raise UserError(f"{source} does not compile: {done.stderr.strip()}")
    return shared
