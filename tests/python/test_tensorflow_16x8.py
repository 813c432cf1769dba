"""Against TensorFlow's own int8 x int16 interpreter: the public peer, which takes an LSTM in single time steps only."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from nnsp.integer import arithmetic, calibration, quantization
from nnsp.integer.clib import CNetwork
from nnsp.network.arch import Arch, Layer


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


@pytest.mark.parametrize("trained", [False, True], ids=["any weights", "weights on the grid"])
def test_whole_network_by_single_steps(trained: bool) -> None:
    """conv1d, lstm, fc, fc: ours over the stream, theirs one unrolled step at a time with its states fed back.

    With any weights, both round them to int8 in the same way, and that hides all else. Weights from
    quantisation-aware training lie on the grid already: then what is left is the arithmetic of activations and states.
    """
    width, units, bins, kernel_size, count = 40, 32, 65, 4, 400
    x = features(count, width, seed=3)
    keras.utils.set_random_seed(2)
    frames = keras.Input((kernel_size * width,), batch_size=1, name="frames")
    h_in, c_in = (keras.Input((units,), batch_size=1, name=name) for name in ("h", "c"))
    first = keras.layers.Dense(units, activation="tanh", bias_initializer="random_normal")
    lstm = keras.layers.LSTM(units, unroll=True, return_state=True)
    hidden = keras.layers.Dense(units, activation="tanh", bias_initializer="random_normal")
    last = keras.layers.Dense(bins, activation="sigmoid", bias_initializer="random_normal")
    y, h, c = lstm(keras.ops.expand_dims(first(frames), 1), initial_state=[h_in, c_in])
    step = keras.Model([frames, h_in, c_in], [last(hidden(y)), h, c])

    for layer, rows in ((first, None), (lstm, quantization.gate_frac(units)), (hidden, None), (last, None)):
        kernels = [4 * w for w in layer.get_weights()]
        if trained:
            matrices = [(np.ascontiguousarray(w.T), None, 15) for w in kernels[:-1]]
            _, scales = arithmetic.layer_scales(
                matrices, np.full(len(kernels[-1]), 12) if rows is None else rows
            )
            kernels[:-1] = [on_the_grid(m[0], s[1]).T for m, s in zip(matrices, scales, strict=True)]
        layer.set_weights(kernels)
    kernels = [layer.get_weights() for layer in (first, lstm, hidden, last)]
    floats: list[dict[str, np.ndarray]] = [
        {"kernel": kernels[0][0].reshape(kernel_size, width, units), "bias": kernels[0][1]},
        dict(zip(("kernel", "recurrent", "bias"), kernels[1], strict=True)),
        *[{"kernel": k[0], "bias": k[1]} for k in kernels[2:]],
    ]
    arch = Arch(
        "whole",
        width,
        0.0,
        (
            Layer("conv1d", units, "tanh", kernel_size),
            Layer("lstm", units, "tanh"),
            Layer("fc", units, "tanh"),
            Layer("fc", bins, "sigmoid"),
        ),
    )
    exact = calibration.float_activations(arch, floats, x)[-1]

    older = np.concatenate([np.zeros((kernel_size - 1, width), dtype=np.float32), x])
    windows = [older[t : t + kernel_size].reshape(1, -1) for t in range(count)]

    def stream(run: Any) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
        h = c = np.zeros((1, units), dtype=np.float32)
        masks, fed = [], []
        for window in windows:
            fed.append({"frames": window, "h": h, "c": c})
            mask, h, c = (np.array(value) for value in run(fed[-1]))
            masks.append(mask[0])
        return np.array(masks), fed

    keras_mask, fed = stream(lambda values: step(list(values.values())))
    np.testing.assert_allclose(keras_mask, exact, atol=1e-4)
    lite = step_16x8(step, fed)
    theirs, _ = stream(lambda values: [value for _, value in sorted(lite(**values).items())])

    network = quantization.quantize(arch, floats)
    ours = CNetwork(network).run(arithmetic.saturate16(np.round(x * 4096))) / 2.0**15
    ours_db, theirs_db = calibration.sqnr_db(exact, ours), calibration.sqnr_db(exact, theirs)
    print(f"whole network, mask: {ours_db:.1f} dB here, {theirs_db:.1f} dB in TensorFlow's 16x8")
    assert theirs_db > 20
    assert ours_db >= theirs_db - (0 if trained else 0.5)
