# SPDX-License-Identifier: BSD-3-Clause
"""What the integers cost: the float network beside the integer one, layer by layer."""

from dataclasses import dataclass

import numpy as np

from nnsp import arithmetic
from nnsp.arithmetic import Array
from nnsp.errors import UserError
from nnsp.integer import frontend
from nnsp.integer.detector import DetectorTable
from nnsp.integer.layers import LAYERS
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import IntegerNetwork, quantize
from nnsp.integer.reference import ReferenceNetwork
from nnsp.network import sizes
from nnsp.network.arch import Arch, check_inputs
from nnsp.signal.frontend import FrontEnd


def float_activations(arch: Arch, weights: list[dict[str, Array]], features: Array) -> list[Array]:
    """Run the float network from a start in silence, and return the outputs of every layer.

    Parameters
    ----------
    arch : Arch
    weights : list of dict
        As `quantization.quantize` takes them.
    features : float [time, inputs]

    Returns
    -------
    list of float64 [outputs, units]
        Fewer outputs than frames after strides; one for each whole clip from the layer on that returns its last.
    """
    x = np.asarray(features, dtype=np.float64)
    if not arch.clip_frames:
        return _activations(arch, weights, x)
    clips = len(x) // arch.clip_frames
    if clips == 0:
        raise UserError(
            f"{arch.name}: {len(x)} frames to calibrate on, but a clip of this network has {arch.clip_frames}; "
            "take a longer recording"
        )
    parts = [_activations(arch, weights, clip) for clip in np.split(x[: clips * arch.clip_frames], clips)]
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _activations(arch: Arch, weights: list[dict[str, Array]], x: Array) -> list[Array]:
    outputs = []
    for layer, floats in zip(arch.layers, weights, strict=True):
        x = LAYERS[layer.kind].float_run(layer, floats, x)
        x = x[-1:] if layer.returns_last else x
        outputs.append(x)
    return outputs


def sqnr_db(exact: Array, approximate: Array) -> float:
    """Return the signal to quantisation noise ratio in dB; infinite where the two are equal."""
    noise = np.sum((exact - approximate) ** 2)
    return float(10 * np.log10(np.sum(exact**2) / noise)) if noise > 0 else float("inf")


@dataclass(frozen=True)
class LayerReport:
    """One line of the conversion report."""

    layer: str
    sqnr_db: float
    saturations: int
    outputs: int
    bytes: int


def calibrate(
    arch: Arch, weights: list[dict[str, Array]], features: Array
) -> tuple[IntegerNetwork, list[LayerReport]]:
    """Quantise a network, with the formats of linear layers taken from real features, and report what it cost.

    Parameters
    ----------
    features : int16 [time, inputs]
        Q12 features of the integer front end.

    Returns
    -------
    network : IntegerNetwork
    report : list of LayerReport
        SQNR of each layer's output against the float network's, errors of the layers before it included.
    """
    exact = float_activations(arch, weights, features / 2.0**arithmetic.FEATURE_FRAC)
    if arch.clip_frames:
        features = features[: len(features) // arch.clip_frames * arch.clip_frames]
    peaks = {n: float(np.abs(y).max()) for n, y in enumerate(exact) if arch.layers[n].activation == "linear"}
    network = quantize(arch, weights, peaks)
    reference = ReferenceNetwork(network)
    report = []
    for n, (layer, y) in enumerate(zip(network.layers, reference.activations(features), strict=True)):
        report.append(
            LayerReport(
                layer=f"{layer.kind} {layer.inputs}"
                + (f"x{layer.kernel_size}" if layer.kernel_size > 1 else "")
                + f" -> {layer.units} {layer.activation}",
                sqnr_db=sqnr_db(exact[n], y / 2.0**layer.out_frac),
                saturations=int(reference.saturations[n]),
                outputs=y.size,
                bytes=sizes.layer_bytes(arch.layers[n], layer.inputs),
            )
        )
    return network, report


def convert(
    arch: Arch,
    weights: list[dict[str, Array]],
    fe: FrontEnd,
    mean: Array,
    std: Array,
    samples: Array,
    task: str = "enhance",
    labels: tuple[str, ...] = (),
    detector: DetectorTable | None = None,
) -> tuple[IntegerModel, list[LayerReport]]:
    """Turn a trained network and its front end into integers.

    Parameters
    ----------
    weights : list of dict
        As `quantization.quantize` takes them.
    mean, std : array [features]
        Mean and deviation of the log2 energies.
    samples : int16 [n]
        Noisy speech to calibrate on.
    task, labels, detector
        As the `IntegerModel` holds them.
    """
    check_inputs(arch, fe)
    fixed = frontend.build(fe, mean, std)
    network, report = calibrate(arch, weights, frontend.stream_features(fixed, samples))
    return IntegerModel(network, fixed, task, labels, detector), report


def report_text(report: list[LayerReport], fe: FrontEnd) -> str:
    """Return the report as a table, with the bytes of all tables."""
    lines = [f"{'layer':<28}{'SQNR dB':>9}{'saturated':>11}{'of':>9}{'bytes':>9}"]
    lines += [f"{r.layer:<28}{r.sqnr_db:>9.1f}{r.saturations:>11}{r.outputs:>9}{r.bytes:>9}" for r in report]
    frontend_bytes = sizes.frontend_bytes(fe)
    lines.append(f"{'front end':<57}{frontend_bytes:>9}")
    return "\n".join([*lines, f"{'sum':<57}{sum(r.bytes for r in report) + frontend_bytes:>9}"])
