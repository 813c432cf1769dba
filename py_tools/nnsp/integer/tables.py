# SPDX-License-Identifier: BSD-3-Clause
"""C tables of a model: the text of def_nn<id>_<name>.c and .h."""

import textwrap
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnsp.arithmetic import Array, exp2_table, log2_table, tanh_table
from nnsp.files import written
from nnsp.integer.frontend import IntegerFrontEnd
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import IntegerLayer, IntegerNetwork
from nnsp.network.layout import BLOCK_COLS, GROUP_ROWS, padded, whole_groups
from nnsp.network.sizes import (
    band_count,
    classifier_shared_state_bytes,
    classifier_state_bytes,
    enhancer_state_bytes,
)

TABLE_VERSION = 5
"""NNSP_TABLE_VERSION of nnsp_lib/include/nnsp_table.h; raise both together."""

KINDS = {"fc": 0, "lstm": 1, "conv1d": 2}
FEATURES = {"mel": 0, "pspec": 1, "mfcc": 2}
ACTIVATIONS = {"linear": 0, "relu6": 1, "tanh": 2, "sigmoid": 3, "softmax": 4}


@dataclass(frozen=True)
class Provenance:
    """Where a table came from; goes into the head of the generated files."""

    command: str
    arch: str
    weights: str


def blocks(weights: Array) -> Array:
    """Order int8 [rows, cols] in groups of four rows and blocks of eight columns, padded: int8 [groups, runs, 32]."""
    rows, cols = weights.shape
    full = np.zeros((whole_groups(rows), padded(cols)), dtype=np.int8)
    full[:rows, :cols] = weights
    runs = full.reshape(-1, GROUP_ROWS, full.shape[1] // BLOCK_COLS, BLOCK_COLS).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(runs).reshape(runs.shape[0], runs.shape[1], GROUP_ROWS * BLOCK_COLS)


def grouped(values: Array) -> Array:
    """Order one value a row in groups of four, padded with zeros: [groups, 4]."""
    full = np.zeros(whole_groups(len(values)), dtype=values.dtype)
    full[: len(values)] = values
    return full.reshape(-1, GROUP_ROWS)


def weight_words(layer: IntegerLayer) -> Array:
    """Return a layer's weights as nnsp_table.h orders them without row pairs: uint32 [words]."""
    parts = [blocks(layer.weights)]
    ends = [grouped(layer.bias), grouped(layer.multiplier)]
    if layer.recurrent is not None and layer.recurrent_multiplier is not None:
        parts.append(blocks(layer.recurrent))
        ends.append(grouped(layer.recurrent_multiplier))
    words = [np.ascontiguousarray(part).reshape(len(part), -1).view("<u4") for part in parts + ends]
    return np.concatenate(words, axis=1).ravel()


def layer_checksum(layer: IntegerLayer, crc: int = 0) -> int:
    """Return the CRC-32 of one layer's sizes, formats and weights, continued from the layer before."""
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
        int(layer.returns_last),
    ]
    crc = zlib.crc32(np.array(head, dtype="<u2").tobytes(), crc)
    return zlib.crc32(weight_words(layer).tobytes(), crc)


def network_checksum(network: IntegerNetwork) -> int:
    """Return the CRC-32 over the frames of a clip and all layers in turn."""
    crc = zlib.crc32(np.array([network.arch.clip_frames], dtype="<u2").tobytes())
    for layer in network.layers:
        crc = layer_checksum(layer, crc)
    return crc


def frontend_checksum(fe: IntegerFrontEnd) -> int:
    """Return the CRC-32 over the front end's sizes, shifts and arrays."""
    form = fe.float_form
    head = [
        form.rate & 0xFFFF,
        form.rate >> 16,
        form.window_size,
        form.hop,
        form.fft_size,
        form.feature_count,
        FEATURES[form.feat_type],
        fe.window_shift,
        fe.power_shift,
        fe.mask_shift,
        fe.output_shift,
        fe.mask_floor,
        form.cut_bins,
        band_count(form),
    ]
    crc = zlib.crc32(np.array(head, dtype="<u2").tobytes())
    for part in (fe.window, fe.twiddle, fe.band_edge, fe.rising, fe.dct, fe.mean, fe.gain):
        if part is not None:
            crc = zlib.crc32(part.tobytes(), crc)
    return crc


def model_state_bytes(model: IntegerModel) -> int:
    """Return the bytes of state of what runs the model, an enhancer or a classifier."""
    own = enhancer_state_bytes if model.task == "enhance" else classifier_state_bytes
    return own(model.network.arch, model.frontend.float_form)


def model_files(model: IntegerModel, net_id: int, net_name: str, made: Provenance) -> dict[str, str]:
    """Return the text of def_nn<id>_<name>.c and .h.

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
    shared = classifier_shared_state_bytes(model.network.arch, form)
    shared_line = f"#define {upper}_SHARED_STATE_BYTES {shared}\n" if model.task == "classify" else ""
    header = (
        f'{head}\n#ifndef DEF_{upper}_H\n#define DEF_{upper}_H\n\n#include "nnsp_table.h"\n\n{stale}\n'
        f"#define {upper}_ID {net_id}\n"
        f'#define {upper}_NAME "{net_name}"\n'
        f'#define {upper}_ARCH "{model.network.arch.name}"\n'
        f"#define {upper}_RATE {form.rate}\n"
        f"#define {upper}_HOP {form.hop}\n"
        f"#define {upper}_WINDOW {form.window_size}\n"
        f"#define {upper}_FFT {form.fft_size}\n"
        f"#define {upper}_TASK NNSP_{model.task.upper()}\n"
        f"#define {upper}_LABELS {len(model.labels)}\n"
        f"#define {upper}_LABEL_BYTES {sum(len(label.encode()) + 1 for label in model.labels)}\n"
        f"#define {upper}_STATE_BYTES {model_state_bytes(model)}\n"
        f"{shared_line}"
        f"#define {upper}_CHECKSUM 0x{network_checksum(model.network):08X}u\n\n"
        f"extern const nnsp_model {symbol};\n\n#endif\n"
    )
    source = "\n".join([head, f'#include "{stem}.h"', "", *_source(model, symbol, upper)])
    return {f"{stem}.c": source, f"{stem}.h": header}


def _source(model: IntegerModel, symbol: str, upper: str) -> Iterator[str]:
    layers = model.network.layers
    rows = []
    for n, layer in enumerate(layers):
        yield f"static const uint32_t layer{n}_weights[] = {{"
        yield from _groups(layer)
        yield "};\n"
        rows.append(
            f"    {{layer{n}_weights, {layer.inputs}, {layer.units}, {layer.kernel_size}, {layer.strides}, "
            f"NNSP_{layer.kind.upper()}, NNSP_{layer.activation.upper()}, "
            f"{layer.in_frac}, {layer.out_frac}, {layer.shift}, {int(layer.returns_last)}}},"
        )
    yield "static const nnsp_layer layers[] = {"
    yield from rows
    yield "};\n"
    crc, clip = network_checksum(model.network), model.network.arch.clip_frames
    yield f"static const nnsp_network network = {{layers, {len(layers)}, {TABLE_VERSION}, 0x{crc:08X}u, {clip}}};\n"
    yield from _frontend(model.frontend)
    labels = detector = "0"
    if model.labels:
        names, labels = ", ".join(map(_string, model.labels)), "labels"
        yield f"static const char *const labels[] = {{{names}}};\n"
    if model.detector:
        d, detector = model.detector, "&detector"
        yield (
            f"static const nnsp_detector_table detector = {{NNSP_DETECT_{d.kind.upper()}, {d.smoothing}, {d.hold}, "
            f"{d.threshold}}};\n"
        )
    yield (
        f"const nnsp_model {symbol} = {{{upper}_NAME, &frontend, &network, {labels}, {detector},\n"
        f"    {upper}_STATE_BYTES, {upper}_ID, {len(model.labels)}, NNSP_{model.task.upper()}}};\n"
    )


def _frontend(fe: IntegerFrontEnd) -> Iterator[str]:
    form = fe.float_form
    yield _array("int16_t", "window", fe.window)
    yield _array("int32_t", "twiddle", fe.twiddle)
    bands, dct = "0, 0", "0"
    if fe.band_edge is not None and fe.rising is not None:
        yield _array("uint16_t", "band_edge", fe.band_edge)
        yield _array("int16_t", "rising", fe.rising)
        bands = "band_edge, rising"
    if fe.dct is not None:
        yield _array("int16_t", "dct", fe.dct)
        dct = "dct"
    yield _array("int32_t", "mean", fe.mean)
    yield _array("int32_t", "gain", fe.gain)
    sizes = (form.rate, form.window_size, form.hop, form.fft_size, form.feature_count, band_count(form))
    gains = (fe.mask_floor, form.cut_bins)
    shifts = (fe.window_shift, fe.power_shift, fe.mask_shift, fe.output_shift)
    yield (
        f"static const nnsp_frontend_table frontend = {{\n    window, twiddle, {bands}, {dct}, mean, gain,\n"
        f"    {', '.join(map(str, sizes + gains))},\n    NNSP_{form.feat_type.upper()}, {', '.join(map(str, shifts))}, "
        f"0x{frontend_checksum(fe):08X}u}};\n"
    )


def _groups(layer: IntegerLayer) -> Iterator[str]:
    runs, macro = blocks(layer.weights), "NNSP_ROWS"
    ends = [grouped(layer.bias), grouped(layer.multiplier)]
    if layer.recurrent is not None and layer.recurrent_multiplier is not None:
        runs, macro = np.concatenate([runs, blocks(layer.recurrent)], axis=1), "NNSP_GATES"
        ends.append(grouped(layer.recurrent_multiplier))
    for group, *end in zip(runs, *ends, strict=True):
        for block in group:
            upper, lower = (", ".join(map(str, half)) for half in block.reshape(2, -1))
            yield f"    NNSP_BLOCK({upper},\n               {lower}),"
        yield f"    {macro}({', '.join(str(value) for values in end for value in values)}),"


def _string(text: str) -> str:
    """Return a C literal of UTF-8."""
    plain = (chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode())
    return f'"{"".join(plain)}"'


def _array(ctype: str, name: str, values: Array, columns: int = 116) -> str:
    # -2147483648 is no int literal in C: the sign belongs to an unsigned constant.
    text = ", ".join("(-2147483647 - 1)" if v == -(2**31) else str(v) for v in values.ravel().tolist())
    body = textwrap.fill(
        text, columns, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
    )
    return f"static const {ctype} {name}[] = {{\n{body}\n}};\n"


def lookup_source() -> str:
    """Return the text of nnsp_lib/src/kernels/lookup.c: the tables for tanh, sigmoid, log2 and softmax."""
    values = tanh_table().astype(np.int64)
    arrays = [
        _array("uint32_t", "nnsp_tanh_table", values[:-1] | np.diff(values) << 16, columns=100),
        _array("int32_t", "nnsp_log2_table", log2_table(), columns=100),
        _array("uint16_t", "nnsp_exp2_table", exp2_table(), columns=100),
    ]
    body = "\n".join(arrays).replace("static ", "")
    note = (
        "/* SPDX-License-Identifier: BSD-3-Clause */\n"
        "/* Generated by `python py_tools/make_lookup.py` from nnsp/arithmetic.py. */\n"
    )
    return f'{note}#include "lookup.h"\n\n{body}'


def write(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write files whole: under a temporary name first, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in files.items():
        with written(folder / name) as part:
            part.write_text(text)
        paths.append(folder / name)
    return paths
