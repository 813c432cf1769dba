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
from nnsp.integer import tables
from nnsp.integer.frontend import IntegerFrontEnd
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import IntegerLayer, IntegerNetwork

ROOT = Path(__file__).resolve().parents[3]
HEADERS = ("status", "table", "net", "frontend", "enhancer")

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
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
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
        self.ffi = library.ffi
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
                "mean": self._array("int32_t", fe.mean),
                "gain": self._array("int32_t", fe.gain),
                "rate": form.rate,
                "window_size": form.window_size,
                "hop": form.hop,
                "fft_size": form.fft_size,
                "features": form.feature_count,
                "feature_kind": int(form.feat_type == "pspec"),
                "window_shift": fe.window_shift,
                "power_shift": fe.power_shift,
                "mask_shift": fe.mask_shift,
                "output_shift": fe.output_shift,
                "mask_floor": fe.mask_floor,
                "cut_bins": form.cut_bins,
                "checksum": tables.frontend_checksum(fe),
            },
        )

    def model(self, model: IntegerModel) -> Any:
        """const nnsp_model *"""
        name = self.new("char[]", model.network.arch.name.encode())
        network, frontend = self.network(model.network), self.frontend(model.frontend)
        size = tables.enhancer_state_bytes(model.network.arch, model.frontend.float_form)
        return self.new(
            "nnsp_model *", {"name": name, "frontend": frontend, "network": network, "state_bytes": size}
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

    def process(self, samples: Array) -> Array:
        """Whole hops of int16 samples -> as many, window_size - hop samples late."""
        if samples.dtype != np.int16 or len(samples) % self.hop:
            raise ValueError(f"expected int16 samples, a multiple of {self.hop}")
        out = np.empty(len(samples), dtype=np.int16)
        source = np.ascontiguousarray(samples)
        ffi, lib = self.library.ffi, self.library.lib
        into, outof = ffi.from_buffer("int16_t[]", source), ffi.from_buffer("int16_t[]", out)
        for n in range(0, len(samples), self.hop):
            self.library.check(lib.nnsp_enhancer_process(self.enhancer, into + n, outof + n))
        return out


class TableEnhancer(CEnhancer):
    """nnsp_enhancer with the compiled tables of a def_nn<id>_<name>.c, as a board has them.

    Parameters
    ----------
    source : Path
        The generated .c file; its header lies beside it.
    """

    def __init__(self, source: Path) -> None:
        host = library()
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
        self._tables = CTables(host)
        ffi = cffi.FFI()
        ffi.cdef(declarations() + f"extern nnsp_model {symbol};")
        self._compiled = ffi.dlopen(str(shared))
        address = int(ffi.cast("uintptr_t", ffi.addressof(self._compiled, symbol)))
        self._start(host, host.ffi.cast("nnsp_model *", address))
