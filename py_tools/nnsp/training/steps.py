# SPDX-License-Identifier: BSD-3-Clause
"""Compiled steps, on TensorFlow or JAX: one update of the weights, or one pass without."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from nnsp.errors import UserError
from nnsp.network.network import Network

Function = Callable[..., tuple[Any, ...]]


def train_step(
    function: Function,
    network: Network,
    optimizer: keras.optimizers.Optimizer,
    others: list[keras.Variable],
) -> Function:
    """Compile an update of the weights.

    Parameters
    ----------
    function : callable
        (loss, further results) of tensors, through ``network``.
    others : list of Variable
        What the function changes besides: states of random generators, running statistics.

    Returns
    -------
    callable
        Updates the weights; returns what ``function`` does, and the norm of all gradients together.
    """
    trained = network.trainable_variables
    optimizer.build(trained)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function
        def update(*args: Any) -> tuple[Any, ...]:
            with tf.GradientTape() as tape:
                loss, results = function(*args)
            gradients = tape.gradient(loss, [v.value for v in trained])
            optimizer.apply(gradients, trained)
            return loss, results, _norm(gradients)

        return update
    _only_jax()
    import jax

    @jax.jit
    def pure(weights: Any, memory: Any, other: Any, args: Any) -> Any:
        def differentiable(weights: Any) -> Any:
            mapping = [*zip(trained, weights, strict=True), *zip(others, other, strict=True)]
            with keras.StatelessScope(state_mapping=mapping) as scope:
                loss, results = function(*args)
            return loss, (results, [scope.get_current_value(v) for v in others])

        (loss, (results, other)), gradients = jax.value_and_grad(differentiable, has_aux=True)(weights)
        weights, memory = optimizer.stateless_apply(memory, gradients, weights)
        return loss, results, _norm(gradients), weights, memory, other

    def update_jax(*args: Any) -> tuple[Any, ...]:
        groups = (trained, optimizer.variables, others)
        loss, results, norm, *after = pure(*([v.value for v in group] for group in groups), args)
        for group, values in zip(groups, after, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return loss, results, norm

    return update_jax


def _norm(gradients: list[Any]) -> Any:
    return ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients if gradient is not None))


def device() -> str:
    """Say what the training runs on."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        kinds = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
        return f"TensorFlow on {', '.join(kinds) or 'the processor'}"
    _only_jax()
    import jax

    kinds = [device.device_kind for device in jax.devices()]
    return "JAX on " + ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds))


def make_deterministic() -> None:
    """Make every computation reproducible, so that resumed training equals unbroken training."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def compiled(function: Function, network: Network) -> Function:
    """Compile a function of tensors that reads the weights of ``network`` and changes nothing."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    _only_jax()
    import jax

    weights = network.variables

    @jax.jit
    def pure(values: Any, args: Any) -> Any:
        with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
            return function(*args)

    return lambda *args: pure([v.value for v in weights], args)


def _only_jax() -> None:
    if keras.backend.backend() != "jax":
        raise UserError(
            f"KERAS_BACKEND is {keras.backend.backend()}: training runs on tensorflow or jax; set one of them"
        )
