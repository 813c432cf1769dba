# SPDX-License-Identifier: BSD-3-Clause
"""Small networks: random ones for parity, and ones that detect or train."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from nnsp.integer import frontend
from nnsp.integer.classifier import IntegerClassifier
from nnsp.integer.detector import DetectorTable, IntegerDetector
from nnsp.integer.model import IntegerModel
from nnsp.integer.quantization import IntegerNetwork, quantize
from nnsp.network import arch as arch_text
from nnsp.network.arch import Arch, Layer
from nnsp.network.kinds import KINDS
from nnsp.signal.frontend import FrontEnd

ACTIVATIONS = ("tanh", "sigmoid", "relu6", "linear")
SIZES = st.one_of(st.integers(1, 9), st.integers(10, 40), st.sampled_from([72, 128]))


@st.composite
def architectures(draw: st.DrawFn) -> Arch:
    """One to four layers of any kind, size, activation and stride; some see clips, some end in a softmax."""
    layers: list[Layer] = []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(list(KINDS)))
        kind = KINDS[name]
        layers.append(
            Layer(
                kind=name,
                units=draw(SIZES),
                activation=draw(st.sampled_from([a for a in ACTIVATIONS if a in kind.activations])),
                kernel_size=draw(st.integers(1, 7)) if "kernel_size" in kind.keys else 1,
                strides=draw(st.integers(1, 3)) if "strides" in kind.keys else 1,
            )
        )
    clip_frames = 0
    if draw(st.booleans()):
        clip_frames = draw(st.integers(1, 5)) * math.prod(layer.strides for layer in layers)
        returning = draw(st.sampled_from([name for name, kind in KINDS.items() if "returns" in kind.keys]))
        layers.append(Layer(returning, draw(SIZES), "tanh", returns_last=True))
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

    return [
        {name: draw(*shape) for name, shape in KINDS[layer.kind].shapes(layer, inputs).items()}
        for layer, inputs in zip(arch.layers, arch.inputs, strict=True)
    ]


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


def build_model(fe: FrontEnd, strides: int = 1, seed: int = 1, outputs: int | None = None) -> IntegerModel:
    """An untrained network on a front end with made-up statistics; outputs: bins, unless given."""
    layers = (
        Layer("conv1d", 16, "tanh", kernel_size=3, strides=strides),
        Layer("lstm", 12, "tanh"),
        Layer("fc", outputs or fe.bins, "sigmoid"),
    )
    arch = Arch("small", fe.feature_count, 0.0, layers)
    rng = np.random.default_rng(seed)
    mean, std = rng.uniform(14, 22, fe.feature_count), rng.uniform(2, 5, fe.feature_count)
    network = quantize(arch, random_weights(arch, seed, 0.7))
    return IntegerModel(network, frontend.build(fe, mean, std))


def signals(samples: int) -> dict[str, np.ndarray]:
    """Quiet, usual and worst-case sounds, int16 [samples]."""
    rng = np.random.default_rng(5)
    t = np.arange(samples)
    full = np.where(rng.random(samples) < 0.5, -32768, 32767)
    return {
        "silence": np.zeros(samples, dtype=np.int16),
        "one bit": rng.integers(-1, 2, samples).astype(np.int16),
        "noise": np.clip(rng.normal(0, 3000, samples), -32768, 32767).astype(np.int16),
        "sweep": (20000 * np.sin(0.5 * np.pi * t**2 / samples)).astype(np.int16),
        "full-scale noise": full.astype(np.int16),
        "square": np.where(t // 8 % 2, -32768, 32767).astype(np.int16),
        "constant": np.full(samples, -32768, dtype=np.int16),
    }


STATE = DetectorTable("state", 2, 4, 0)
WORD = DetectorTable("event", 2, 5, 0)


def listening(
    model: IntegerModel, detector: DetectorTable, share: float, samples: np.ndarray
) -> IntegerModel:
    """The model with a threshold that it reaches in this share of the outputs."""
    scores = IntegerClassifier(model).process(samples)
    smoothed = IntegerDetector(detector, len(model.labels)).smooth(scores)
    largest = smoothed[:, detector.kind == "event" :].max(axis=1)
    level = int(np.quantile(largest, 1 - share)) >> 8
    return replace(model, detector=replace(detector, threshold=level))


STRIDED_TEXT = """input_neurons 72
layer_type conv1d
num_filters 12
kernel_size 3
strides 2
activation tanh
dropprob 0.1
layer_type lstm
layer_neurons 12
layer_type fc
layer_neurons 257
activation sigmoid
"""
STRIDED = arch_text.parse(STRIDED_TEXT, "def_small.txt")
