"""C tables of a model: what def_nn<id>_<name>.c and .h hold, and how large they are."""

import textwrap
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnsp.arithmetic import Array, log2_table, tanh_table
from nnsp.files import written
from nnsp.integer.enhancer import IntegerModel
from nnsp.integer.frontend import IntegerFrontEnd
from nnsp.integer.quantization import IntegerLayer
from nnsp.network.arch import Arch, Layer

TABLE_VERSION = 1
"""NNSP_TABLE_VERSION of nnsp_lib/include/nnsp_table.h; raise both together."""

BLOCK_ROWS, BLOCK_COLS = 2, 8

KINDS = {"fc": 0, "lstm": 1, "conv1d": 2}
ACTIVATIONS = {"linear": 0, "relu6": 1, "tanh": 2, "sigmoid": 3}


@dataclass(frozen=True)
class Provenance:
    """Where a table came from; goes into the head of the generated files."""

    command: str
    arch: str
    weights: str


def padded(n: int) -> int:
    """Elements of a buffer of n activations: whole blocks of columns."""
    return -(-n // BLOCK_COLS) * BLOCK_COLS


def blocks(weights: Array) -> Array:
    """int8 [rows, cols] in blocks of two rows by eight columns, padded with zeros: int8 [pairs, runs, 2, 8]."""
    rows, cols = weights.shape
    full = np.zeros((-(-rows // BLOCK_ROWS) * BLOCK_ROWS, padded(cols)), dtype=np.int8)
    full[:rows, :cols] = weights
    return full.reshape(-1, BLOCK_ROWS, full.shape[1] // BLOCK_COLS, BLOCK_COLS).transpose(0, 2, 1, 3)


def layer_checksum(layer: IntegerLayer, crc: int = 0) -> int:
    """CRC-32 of one layer's sizes, formats and arrays, continued from the layer before."""
    head = [
        KINDS[layer.kind],
        ACTIVATIONS[layer.activation],
        layer.in_frac,
        layer.out_frac,
        layer.shift,
        layer.inputs,
        layer.units,
        layer.kernel_size,
        layer.strides,
    ]
    parts = [np.array(head, dtype="<u2"), blocks(layer.weights), layer.multiplier, layer.bias]
    if layer.recurrent is not None and layer.recurrent_multiplier is not None:
        parts += [blocks(layer.recurrent), layer.recurrent_multiplier]
    for part in parts:
        crc = zlib.crc32(part.tobytes(), crc)
    return crc


def network_checksum(layers: tuple[IntegerLayer, ...]) -> int:
    """CRC-32 over all layers in turn."""
    crc = 0
    for layer in layers:
        crc = layer_checksum(layer, crc)
    return crc


def frontend_checksum(fe: IntegerFrontEnd) -> int:
    """CRC-32 over the front end's sizes, shifts and arrays."""
    form = fe.float_form
    head = [
        form.rate & 0xFFFF,
        form.rate >> 16,
        form.window_size,
        form.hop,
        form.fft_size,
        form.feature_count,
        int(form.feat_type == "pspec"),
        fe.window_shift,
        fe.power_shift,
        fe.mask_shift,
        fe.output_shift,
        fe.mask_floor,
    ]
    crc = zlib.crc32(np.array(head, dtype="<u2").tobytes())
    for part in (fe.window, fe.twiddle, fe.band_edge, fe.rising, fe.mean, fe.gain):
        if part is not None:
            crc = zlib.crc32(part.tobytes(), crc)
    return crc


def table_bytes(arch: Arch) -> int:
    """Bytes of weights, biases and multipliers in flash, padding included."""
    return sum(map(layer_bytes, arch.layers, arch.inputs))


def layer_bytes(layer: Layer | IntegerLayer, inputs: int) -> int:
    """Bytes of one layer's tables."""
    rows = layer.units * (4 if layer.kind == "lstm" else 1)
    even = rows + rows % BLOCK_ROWS
    total = even * padded(layer.kernel_size * inputs) + rows * (2 + 4)
    if layer.kind == "lstm":
        total += even * padded(layer.units) + rows * 2
    return total


def state_bytes(arch: Arch) -> int:
    """nnsp_net_state_bytes: what a stream of the network remembers, and the buffers it works in."""
    total, widest, widest_lstm = 0, arch.input_neurons, 0
    for layer, inputs in zip(arch.layers, arch.inputs, strict=True):
        if layer.kind == "conv1d":
            total += 8 + 2 * padded(layer.kernel_size * inputs)
        elif layer.kind == "lstm":
            total += (4 + 2) * padded(layer.units)
            widest_lstm = max(widest_lstm, layer.units)
        widest = max(widest, layer.units)
    return total + 2 * (2 * padded(widest) + 4 * padded(widest_lstm))


def enhancer_state_bytes(model: IntegerModel) -> int:
    """nnsp_enhancer_state_bytes of a model."""
    form = model.frontend.float_form
    frontend = sum(-(-n // 8) * 8 for n in (form.bins * 8, form.window_size * 4, form.window_size * 2))
    vectors = 2 * (padded(form.feature_count) + padded(form.bins))
    return frontend + state_bytes(model.network.arch) + vectors


def model_files(model: IntegerModel, net_id: int, net_name: str, made: Provenance) -> dict[str, str]:
    """Text of def_nn<id>_<name>.c and .h.

    Parameters
    ----------
    model : IntegerModel
    net_id : int
        Number of the network, 0..65535; each network of an image has its own.
    net_name : str
        A C identifier; the model becomes ``nn<id>_<name>``.
    made : Provenance

    Returns
    -------
    dict
        File name -> text.
    """
    symbol, stem = f"nn{net_id}_{net_name}", f"def_nn{net_id}_{net_name}"
    upper = symbol.upper()
    form = model.frontend.float_form
    head = "\n".join(
        [
            "/*",
            " * Generated: change the network and convert it again, not this file.",
            f" * Command: {made.command}",
            f" * Network: {made.arch}",
            f" * Weights: {made.weights}",
            f" * Table format {TABLE_VERSION}.",
            " */",
        ]
    )
    stale = (
        f"#if NNSP_TABLE_VERSION != {TABLE_VERSION}\n"
        f'#error "{stem} is of table format {TABLE_VERSION}, the library of another: convert the network again"\n'
        "#endif\n"
    )
    header = (
        f'{head}\n#ifndef DEF_{upper}_H\n#define DEF_{upper}_H\n\n#include "nnsp_table.h"\n\n{stale}\n'
        f"#define {upper}_ID {net_id}\n"
        f'#define {upper}_NAME "{net_name}"\n'
        f'#define {upper}_ARCH "{model.network.arch.name}"\n'
        f"#define {upper}_RATE {form.rate}\n"
        f"#define {upper}_HOP {form.hop}\n"
        f"#define {upper}_STATE_BYTES {enhancer_state_bytes(model)}\n"
        f"#define {upper}_CHECKSUM 0x{network_checksum(model.network.layers):08X}u\n\n"
        f"extern const nnsp_model {symbol};\n\n#endif\n"
    )
    source = "\n".join([head, f'#include "{stem}.h"', "", *_source(model, symbol, upper)])
    return {f"{stem}.c": source, f"{stem}.h": header}


def _source(model: IntegerModel, symbol: str, upper: str) -> Iterator[str]:
    layers = model.network.layers
    rows = []
    for n, layer in enumerate(layers):
        yield _weights(f"layer{n}_weights", layer.weights)
        yield _array("int16_t", f"layer{n}_multiplier", layer.multiplier)
        yield _array("int32_t", f"layer{n}_bias", layer.bias)
        recurrent = "0, 0"
        if layer.recurrent is not None and layer.recurrent_multiplier is not None:
            yield _weights(f"layer{n}_recurrent", layer.recurrent)
            yield _array("int16_t", f"layer{n}_recurrent_multiplier", layer.recurrent_multiplier)
            recurrent = f"layer{n}_recurrent, layer{n}_recurrent_multiplier"
        rows.append(
            f"    {{layer{n}_weights, layer{n}_multiplier, layer{n}_bias, {recurrent},\n"
            f"     {layer.inputs}, {layer.units}, {layer.kernel_size}, {layer.strides}, NNSP_{layer.kind.upper()}, "
            f"NNSP_{layer.activation.upper()}, {layer.in_frac}, {layer.out_frac}, {layer.shift}}},"
        )
    yield "static const nnsp_layer layers[] = {"
    yield from rows
    yield "};\n"
    crc = network_checksum(layers)
    yield f"static const nnsp_network network = {{layers, {len(layers)}, {TABLE_VERSION}, 0x{crc:08X}u}};\n"
    yield from _frontend(model.frontend)
    yield (
        f"const nnsp_model {symbol} = {{{upper}_NAME, &frontend, &network, {upper}_STATE_BYTES, {upper}_ID}};\n"
    )


def _frontend(fe: IntegerFrontEnd) -> Iterator[str]:
    form = fe.float_form
    yield _array("int16_t", "window", fe.window)
    yield _array("int32_t", "twiddle", fe.twiddle)
    bands = "0, 0"
    if fe.band_edge is not None and fe.rising is not None:
        yield _array("uint16_t", "band_edge", fe.band_edge)
        yield _array("int16_t", "rising", fe.rising)
        bands = "band_edge, rising"
    yield _array("int32_t", "mean", fe.mean)
    yield _array("int32_t", "gain", fe.gain)
    sizes = (form.rate, form.window_size, form.hop, form.fft_size, form.feature_count, fe.mask_floor)
    shifts = (fe.window_shift, fe.power_shift, fe.mask_shift, fe.output_shift)
    yield (
        f"static const nnsp_frontend_table frontend = {{\n    window, twiddle, {bands}, mean, gain,\n"
        f"    {', '.join(map(str, sizes))},\n    NNSP_{form.feat_type.upper()}, {', '.join(map(str, shifts))}, "
        f"0x{frontend_checksum(fe):08X}u}};\n"
    )


def _weights(name: str, weights: Array) -> str:
    lines = [
        f"    NNSP_BLOCK({', '.join(map(str, block.ravel()))})," for block in blocks(weights).reshape(-1, 16)
    ]
    return f"static const int8_t {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


def _array(ctype: str, name: str, values: Array) -> str:
    # -2147483648 is no int literal in C: the sign belongs to an unsigned constant.
    text = ", ".join("(-2147483647 - 1)" if v == -(2**31) else str(v) for v in values.ravel().tolist())
    body = textwrap.fill(text, 116, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return f"static const {ctype} {name}[] = {{\n{body}\n}};\n"


def lookup_source() -> str:
    """Text of nnsp_lib/src/lookup.c: the tables behind tanh, sigmoid and log2."""
    tanh = _array("uint16_t", "nnsp_tanh_table", tanh_table()).replace("static ", "")
    log2 = _array("int32_t", "nnsp_log2_table", log2_table()).replace("static ", "")
    note = "/* Generated by `python py_tools/make_lookup.py` from nnsp/arithmetic.py. */\n"
    return f'{note}#include "lookup.h"\n\n{tanh}\n{log2}'


def write(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write files whole: under a temporary name first, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in files.items():
        with written(folder / name) as part:
            part.write_text(text)
        paths.append(folder / name)
    return paths
