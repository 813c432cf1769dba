# SPDX-License-Identifier: BSD-3-Clause
"""The Keras network against Keras' own layers, against itself in pieces, and quantised against the integers."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from networks import ACTIVATIONS, frames
from nnsp.integer import calibration, quantization
from nnsp.integer.reference import ReferenceNetwork
from nnsp.network.arch import Arch, Layer
from nnsp.network.streaming import Network, build, float_weights


def network(*layers: Layer, inputs: int = 7, seed: int = 4, clip_frames: int = 0) -> Network:
    """An untrained network whose biases are not zero."""
    model = build(Arch("test", inputs, 0.0, layers, clip_frames), seed)
    rng = np.random.default_rng(seed)
    for block in model.blocks:
        block.bias.assign(ops.convert_to_numpy(block.bias) + rng.normal(0, 0.3, block.bias.shape))
    return model


def run(model: Network, x: np.ndarray, quantized: bool = False, pieces: int = 1) -> np.ndarray:
    """Outputs of streams [batch, time, inputs], in one go or in equal pieces."""
    state, outputs = model.zero_state(len(x)), []
    for piece in np.split(x, pieces, axis=1):
        y, state = model.step(ops.convert_to_tensor(piece), state, quantized)
        outputs.append(ops.convert_to_numpy(y))
    return np.concatenate(outputs, axis=1)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(8).standard_normal(shape).astype(np.float32)


def keras_layer(layer: Layer) -> keras.layers.Layer:
    if layer.kind == "lstm":
        return keras.layers.LSTM(layer.units, return_sequences=not layer.returns_last)
    if layer.kind == "conv1d":
        return keras.layers.Conv1D(
            layer.units, layer.kernel_size, layer.strides, padding="causal", activation=layer.activation
        )
    return keras.layers.Dense(layer.units, activation=layer.activation)


@pytest.mark.parametrize(
    "layer",
    [
        Layer("lstm", 6, "tanh"),
        Layer("conv1d", 5, "tanh", kernel_size=4),
        Layer("conv1d", 5, "sigmoid", kernel_size=4, strides=3),
        Layer("conv1d", 5, "relu6", kernel_size=1),
        *(Layer("fc", 5, activation) for activation in (*ACTIVATIONS, "softmax")),
    ],
    ids=lambda layer: f"{layer.kind}-{layer.activation}-{layer.kernel_size}-{layer.strides}",
)
def test_layers_equal_those_of_keras(layer: Layer) -> None:
    model, x = network(layer), noise(2, 24, 7)
    peer = keras_layer(layer)
    peer.build(x.shape)
    weights = float_weights(model)[0]
    peer.set_weights([weights[name] for name in ("kernel", "recurrent", "bias") if name in weights])
    expected = ops.convert_to_numpy(peer(x))
    np.testing.assert_allclose(run(model, x)[:, :: layer.strides], expected, atol=1e-5)


LAYERS = (
    Layer("conv1d", 6, "relu6", kernel_size=3, strides=2),
    Layer("lstm", 8, "tanh"),
    Layer("conv1d", 5, "tanh", kernel_size=4, strides=3),
    Layer("fc", 9, "linear"),
    Layer("lstm", 4, "tanh"),
    Layer("fc", 6, "sigmoid"),
)


@pytest.mark.parametrize("quantized", [False, True])
def test_pieces_equal_the_whole(quantized: bool) -> None:
    model, x = network(*LAYERS), noise(2, 36, 7)
    whole = run(model, x, quantized)
    np.testing.assert_allclose(run(model, x, quantized, pieces=6), whole, atol=1e-6)
    assert np.ptp(whole) > 0.1


CLIP = (
    Layer("conv1d", 6, "relu6", kernel_size=3, strides=2),
    Layer("lstm", 8, "tanh"),
    Layer("conv1d", 5, "tanh", kernel_size=4, strides=3),
    Layer("lstm", 4, "tanh", returns_last=True),
    Layer("fc", 6, "tanh"),
    Layer("fc", 3, "softmax"),
)


@pytest.mark.parametrize("quantized", [False, True])
def test_clips_in_any_pieces(quantized: bool) -> None:
    """Whole clips, parts of one and pieces across their borders: each clip is heard as alone."""
    model, x = network(*CLIP, clip_frames=18), noise(2, 36, 7)
    whole = run(model, x, quantized)
    for pieces in (2, 3, 6):
        np.testing.assert_allclose(run(model, x, quantized, pieces), whole, atol=1e-6)
    alone = run(model, x[:, 18:], quantized)
    np.testing.assert_allclose(whole[:, 18:], alone, atol=1e-6)
    assert np.ptp(alone[:, -1], axis=0).min() > 1e-3
    expected = [calibration.float_activations(model.arch, float_weights(model), row)[-1] for row in x]
    np.testing.assert_allclose(whole[:, 17::18], expected, atol=2e-3 if quantized else 1e-6)


def test_a_clip_equals_that_of_keras() -> None:
    layers = Layer("lstm", 6, "tanh"), Layer("lstm", 5, "tanh", returns_last=True), Layer("fc", 3, "softmax")
    model, x = network(*layers, clip_frames=24), noise(2, 24, 7)
    peer = keras.Sequential([keras.Input((24, 7)), *map(keras_layer, layers)])
    for layer, weights in zip(peer.layers, float_weights(model), strict=True):
        layer.set_weights(list(weights.values()))
    np.testing.assert_allclose(run(model, x)[:, -1], ops.convert_to_numpy(peer(x)), atol=1e-5)


def test_output_stands_between_strides() -> None:
    y = run(network(*LAYERS), noise(1, 36, 7))
    assert y.shape == (1, 36, 6)
    np.testing.assert_array_equal(y, np.repeat(y[:, ::6], 6, axis=1))
    assert (np.diff(y[0, ::6], axis=0) != 0).all()


@pytest.mark.parametrize(
    "layers",
    [
        (Layer("fc", 12, "relu6"), Layer("fc", 10, "tanh"), Layer("fc", 8, "sigmoid")),
        (Layer("conv1d", 12, "tanh", kernel_size=5), Layer("lstm", 10, "tanh"), Layer("fc", 8, "sigmoid")),
        tuple(layer for layer in LAYERS if layer.activation != "linear"),
        CLIP,
    ],
    ids=["fc", "conv1d-lstm-fc", "strides", "clip"],
)
def test_quantised_equals_the_integers(layers: tuple[Layer, ...]) -> None:
    """Training must see what the tables will do: the difference is the table of tanh, 2^-14, not the weights."""
    clip = 6 if layers is CLIP else 0
    model = network(*layers, clip_frames=clip)
    x = frames(2, 120, 7, "noise")
    ends = slice(clip - 1, None, clip) if clip else slice(0, None, model.arch.stride)
    integers = quantization.quantize(model.arch, float_weights(model))
    expected = ReferenceNetwork(integers).run(x) / 2.0**15
    features = (x / 2.0**12).astype(np.float32)[None]
    found = run(model, features, quantized=True)[0, ends]
    plain = run(model, features)[0, ends]
    error, without = (np.sqrt(np.mean((y - expected) ** 2)) for y in (found, plain))
    assert error < 2.0**-13
    assert without > 4 * error


def test_gradients_pass_through_the_rounding() -> None:
    tf = pytest.importorskip("tensorflow")
    model, x = network(*LAYERS), noise(2, 36, 7)
    variables = [v.value for v in model.trainable_variables]
    gradients = []
    for quantized in (False, True):
        with tf.GradientTape() as tape:
            y, _ = model.step(ops.convert_to_tensor(x), model.zero_state(2), quantized)
            loss = ops.mean(ops.square(y - 0.3))
        gradients.append(tape.gradient(loss, variables))
    for plain, quantised in zip(*gradients, strict=True):
        assert np.linalg.norm(plain) > 0
        assert np.linalg.norm(quantised - plain) < 0.15 * np.linalg.norm(plain)


def test_dropout_only_when_asked_for() -> None:
    arch = Arch("test", 7, 0.5, (Layer("fc", 400, "sigmoid", dropprob=0.25),))
    model, x = build(arch), noise(1, 50, 7)
    np.testing.assert_array_equal(run(model, x), run(model, x))
    dropped, _ = model.step(
        ops.convert_to_tensor(x), model.zero_state(1), False, keras.random.SeedGenerator(1)
    )
    assert 0.23 < np.mean(ops.convert_to_numpy(dropped) == 0) < 0.27


def test_quantised_and_plain_share_one_file(tmp_path: Path) -> None:
    model = network(*LAYERS)
    model.save_weights(tmp_path / "a.weights.h5")
    other = network(*LAYERS, seed=5)
    other.load_weights(tmp_path / "a.weights.h5")
    x = noise(1, 12, 7)
    for quantized in (False, True):
        np.testing.assert_array_equal(run(other, x, quantized), run(model, x, quantized))


def test_seed_decides_the_first_weights() -> None:
    x = noise(1, 12, 7)
    assert np.array_equal(run(network(*LAYERS), x), run(network(*LAYERS), x))
    assert not np.array_equal(run(network(*LAYERS), x), run(network(*LAYERS, seed=5), x))
