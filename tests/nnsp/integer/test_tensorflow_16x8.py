# SPDX-License-Identifier: BSD-3-Clause
"""Against TensorFlow's own int8 x int16 interpreter: the public peer, which takes an LSTM in single time steps only."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from nnsp import arithmetic
from nnsp.inference.trained import load_trained
from nnsp.integer import calibration, frontend, quantization
from nnsp.integer.c_streams import CNetwork
from nnsp.network import streaming
from nnsp.network.arch import Arch, Layer
from nnsp.places import ROOT
from nnsp.signal import audio


def features(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth features such as normalised log energies, float32 on the Q12 grid."""
    rng = np.random.default_rng(seed)
    x = np.zeros((count, width))
    for t in range(1, count):
        x[t] = 0.8 * x[t - 1] + 0.6 * rng.standard_normal(width)
    return (np.clip(np.round(x * 4096), -32768, 32767) / 4096).astype(np.float32)


def step_16x8(model: Any, samples: list[dict[str, np.ndarray]]) -> Any:
    """Convert a Keras model to int8 weights and int16 activations; returns a callable of named arrays."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter(samples)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    ]
    return tf.lite.Interpreter(model_content=converter.convert()).get_signature_runner()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu6", "linear"])
@pytest.mark.parametrize("kernel_size", [1, 6])
def test_fc_and_conv1d(activation: str, kernel_size: int) -> None:
    inputs, units, count = 24, 16, 300
    x = features(count, inputs)
    keras.utils.set_random_seed(1)
    step = keras.Sequential(
        [
            keras.Input((kernel_size, inputs), batch_size=1, name="x"),
            keras.layers.Conv1D(units, kernel_size, activation=activation, bias_initializer="random_normal"),
        ]
    )
    kernel, bias = step.get_weights()
    older = np.concatenate([np.zeros((kernel_size - 1, inputs), dtype=np.float32), x])
    windows = [older[t : t + kernel_size][None] for t in range(count)]
    lite = step_16x8(step, [{"x": w} for w in windows])
    theirs = np.concatenate([next(iter(lite(x=w).values())).reshape(1, -1) for w in windows])

    layer = (
        Layer("conv1d", units, activation, kernel_size) if kernel_size > 1 else Layer("fc", units, activation)
    )
    floats = {"kernel": kernel if kernel_size > 1 else kernel[0], "bias": bias}
    arch = Arch("one", inputs, 0.0, (layer,))
    exact = calibration.float_activations(arch, [floats], x)[0]
    network = quantization.quantize(arch, [floats], {0: float(np.abs(exact).max())})
    steps = CNetwork(network).run(arithmetic.saturate16(np.round(x * 4096)))
    ours = steps / 2.0 ** network.layers[0].out_frac

    ours_db, theirs_db = calibration.sqnr_db(exact, ours), calibration.sqnr_db(exact, theirs)
    print(f"{layer.kind} {activation}: {ours_db:.1f} dB here, {theirs_db:.1f} dB in TensorFlow's 16x8")
    # Independent code on the same weights: both are near the float network, and so near each other.
    assert theirs_db > 30
    assert calibration.sqnr_db(ours, theirs) > 30
    assert ours_db >= theirs_db - 0.5


def on_the_grid(weights: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Weights [rows, cols] in int8 steps of a row's scale, with 127 in every row: any per-row quantiser keeps them."""
    steps = np.clip(np.floor(weights / scale[:, None] + 0.5), -127, 127)
    peak = np.abs(steps).argmax(axis=1)
    steps[np.arange(len(steps)), peak] = 127 * np.sign(steps[np.arange(len(steps)), peak])
    return (steps * scale[:, None]).astype(np.float32)


def single_step(arch: Arch, weights: list[dict[str, np.ndarray]]) -> Any:
    """Keras model of one frame of conv1d, then lstms and fcs: (window, h, c of each lstm) -> (mask, h, c of each)."""
    first = arch.layers[0]
    window = keras.Input((first.kernel_size * arch.input_neurons,), batch_size=1, name="window")
    layers = [keras.layers.Dense(first.units, first.activation)]
    states: list[Any] = []
    after: list[Any] = []
    y = layers[0](window)
    for number, layer in enumerate(arch.layers[1:], start=1):
        if layer.kind == "lstm":
            before = [
                keras.Input((layer.units,), batch_size=1, name=f"{name}{number}") for name in ("h", "c")
            ]
            layers.append(keras.layers.LSTM(layer.units, unroll=True, return_state=True))
            y, *new = layers[-1](keras.ops.expand_dims(y, 1), initial_state=before)
            states, after = states + before, after + new
        else:
            layers.append(keras.layers.Dense(layer.units, layer.activation))
            y = layers[-1](y)
    model = keras.Model([window, *states], [y, *after])
    for layer, floats in zip(layers, weights, strict=True):
        matrices = [floats[name] for name in ("kernel", "recurrent", "bias") if name in floats]
        layer.set_weights([m.reshape(-1, m.shape[-1]) if m.ndim > 1 else m for m in matrices])
    return model


def rounded(arch: Arch, weights: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """The network with its weights on the int8 grid."""
    result = []
    for floats, integers in zip(weights, quantization.quantize(arch, weights).layers, strict=True):
        kernel = floats["kernel"]
        rows = on_the_grid(kernel.reshape(-1, kernel.shape[-1]).T, integers.scale)
        new = {**floats, "kernel": rows.T.reshape(kernel.shape)}
        if integers.recurrent_scale is not None:
            new["recurrent"] = on_the_grid(floats["recurrent"].T, integers.recurrent_scale).T
        result.append(new)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("weights_are", ["as trained", "on the grid"])
def test_shipped_network_by_single_steps(weights_are: str) -> None:
    """Ours over the stream, theirs one unrolled step at a time with its states fed back; the same clip through both.

    Both round weights to int8 alike, which hides all else. With weights that lie on the grid already, what is left is
    the arithmetic of activations and states.
    """
    trained = load_trained(ROOT / "nn_arch" / "def_se_bands.txt", "latest", ROOT / "models_shipped")
    arch, weights = trained.arch, streaming.float_weights(trained.model)
    if weights_are == "on the grid":
        weights = rounded(arch, weights)
    fixed = frontend.build(trained.frontend, trained.mean, trained.std)
    steps = frontend.stream_features(fixed, audio.to_int16(audio.read(ROOT / "demo" / "noisy.wav")))
    x = (steps / 4096).astype(np.float32)
    exact = calibration.float_activations(arch, weights, x)[-1]

    kernel_size = arch.layers[0].kernel_size
    older = np.concatenate([np.zeros((kernel_size - 1, x.shape[1]), dtype=np.float32), x])
    windows = [older[t : t + kernel_size].reshape(1, -1) for t in range(len(x))]

    def stream(run: Any) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
        states = [
            np.zeros((1, layer.units), np.float32)
            for layer in arch.layers
            if layer.kind == "lstm"
            for _ in "hc"
        ]
        names = [tensor.name for tensor in step.inputs]
        masks, fed = [], []
        for window in windows:
            fed.append(dict(zip(names, [window, *states], strict=True)))
            mask, *states = (np.array(value) for value in run(fed[-1]))
            masks.append(mask[0])
        return np.array(masks), fed

    step = single_step(arch, weights)
    in_keras = tf.function(step)
    keras_mask, fed = stream(lambda values: in_keras([tf.constant(value) for value in values.values()]))
    np.testing.assert_allclose(keras_mask, exact, atol=1e-3)
    lite = step_16x8(step, fed)
    theirs, _ = stream(lambda values: [value for _, value in sorted(lite(**values).items())])
    ours = CNetwork(quantization.quantize(arch, weights)).run(steps) / 2.0**15

    # Theirs has one int16 scale for all cells of a layer: what the largest cell needs is missing in the small ones.
    cells = np.concatenate([values[name][0] for values in fed[1:] for name in values if name.startswith("c")])
    ours_db, theirs_db = calibration.sqnr_db(exact, ours), calibration.sqnr_db(exact, theirs)
    print(
        f"shipped network, weights {weights_are}: {ours_db:.1f} dB here, {theirs_db:.1f} dB in TensorFlow's 16x8; "
        f"cell states reach {np.abs(cells).max():.0f}, half of them stay below {np.median(np.abs(cells)):.2f}"
    )
    assert theirs_db > 20
    assert ours_db >= theirs_db
