"""Random networks for the parity tests."""

import math

import numpy as np
from hypothesis import strategies as st

from nnsp.integer import frontend
from nnsp.integer.detector import DetectorTable
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import IntegerNetwork, quantize
from nnsp.network.arch import Arch, Layer
from nnsp.signal.frontend import FrontEnd

ACTIVATIONS = ("tanh", "sigmoid", "relu6", "linear")
SIZES = st.one_of(st.integers(1, 9), st.integers(10, 40), st.sampled_from([72, 128]))


@st.composite
def architectures(draw: st.DrawFn) -> Arch:
    """One to four layers of any kind, size, activation and stride; some see clips, some end in a softmax."""
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["fc", "lstm", "conv1d"]))
        conv1d = kind == "conv1d"
        layers.append(
            Layer(
                kind=kind,
                units=draw(SIZES),
                activation="tanh" if kind == "lstm" else draw(st.sampled_from(ACTIVATIONS)),
                kernel_size=draw(st.integers(1, 7)) if conv1d else 1,
                strides=draw(st.integers(1, 3)) if conv1d else 1,
            )
        )
    clip_frames = 0
    if draw(st.booleans()):
        clip_frames = draw(st.integers(1, 5)) * math.prod(layer.strides for layer in layers)
        layers.append(Layer("lstm", draw(SIZES), "tanh", returns_last=True))
        layers += [Layer("fc", draw(SIZES), draw(st.sampled_from(ACTIVATIONS)))] * draw(st.integers(0, 2))
    if draw(st.booleans()):
        layers.append(Layer("fc", draw(SIZES), "softmax"))
    return Arch("random", draw(SIZES), 0.0, tuple(layers), clip_frames)


def random_weights(arch: Arch, seed: int, magnitude: float) -> list[dict[str, np.ndarray]]:
    """Float weights of a network in Keras' shapes, rows of very different size."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        rows = 10.0 ** rng.uniform(-2, 0, shape[-1])
        return (rng.standard_normal(shape) * rows * magnitude).astype(np.float32)

    weights, inputs = [], arch.input_neurons
    for layer in arch.layers:
        u = layer.units
        if layer.kind == "lstm":
            weights.append({"kernel": draw(inputs, 4 * u), "recurrent": draw(u, 4 * u), "bias": draw(4 * u)})
        elif layer.kind == "conv1d":
            weights.append({"kernel": draw(layer.kernel_size, inputs, u), "bias": draw(u)})
        else:
            weights.append({"kernel": draw(inputs, u), "bias": draw(u)})
        inputs = u
    return weights


@st.composite
def integer_networks(draw: st.DrawFn) -> IntegerNetwork:
    """Quantised random networks: small, usual and saturating weights, calibrated formats of every width."""
    arch = draw(architectures())
    seed, magnitude = draw(st.integers(0, 2**31)), draw(st.sampled_from([0.01, 0.3, 3.0]))
    peaks = {i: draw(st.sampled_from([0.1, 1.0, 8.0, 3000.0])) for i in range(len(arch.layers))}
    return quantize(arch, random_weights(arch, seed, magnitude), peaks)


def frames(seed: int, count: int, width: int, kind: str) -> np.ndarray:
    """Input frames int16 [count, width]: noise of the usual size, or the extremes of the format."""
    rng = np.random.default_rng(seed)
    if kind == "extreme":
        return rng.choice(np.array([-32768, -32767, 0, 32767], dtype=np.int16), (count, width))
    return np.clip(rng.normal(0, 6000, (count, width)), -32768, 32767).astype(np.int16)


def classifier(
    fe: FrontEnd,
    layers: tuple[Layer, ...],
    detector: DetectorTable | None = None,
    clip_frames: int = 0,
    seed: int = 1,
    name: str = "small",
) -> IntegerModel:
    """An untrained classifier on a front end with made-up statistics, a label for every unit of the last layer."""
    arch = Arch(name, fe.feature_count, 0.0, layers, clip_frames)
    rng = np.random.default_rng(seed)
    mean, std = rng.uniform(14, 22, fe.feature_count), rng.uniform(2, 5, fe.feature_count)
    if fe.feat_type == "mfcc":
        mean, std = (
            np.where(np.arange(fe.feature_count) == 0, 110.0, 0.0),
            rng.uniform(1, 6, fe.feature_count),
        )
    labels = tuple(f"label {number}" for number in range(layers[-1].units))
    network = quantize(arch, random_weights(arch, seed, 0.7))
    return IntegerModel(network, frontend.build(fe, mean, std), "classify", labels, detector)
