"""Compiled steps, on TensorFlow or JAX: one update of the weights, or one pass without."""

from collections.abc import Callable
from typing import Any

import keras

from nnsp.errors import UserError

Function = Callable[..., tuple[Any, Any]]


def train_step(
    function: Function,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    others: list[keras.Variable],
) -> Function:
    """Compile an update of the weights.

    Parameters
    ----------
    function : callable
        (loss, further results) of tensors, through ``model``.
    others : list of Variable
        What the function changes besides: states of random generators.

    Returns
    -------
    callable
        Like ``function``, and updates the weights.
    """
    trained = model.trainable_variables
    optimizer.build(trained)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function
        def update(*args: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                loss, results = function(*args)
            optimizer.apply(tape.gradient(loss, [v.value for v in trained]), trained)
            return loss, results

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
        return loss, results, weights, memory, other

    def update_jax(*args: Any) -> tuple[Any, Any]:
        groups = (trained, optimizer.variables, others)
        loss, results, *after = pure(*([v.value for v in group] for group in groups), args)
        for group, values in zip(groups, after, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return loss, results

    return update_jax


def device() -> str:
    """What trains, for people to read."""
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
    """Have a computation always give the same result, so that resumed training equals unbroken training."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def compiled(function: Function, model: keras.Model) -> Function:
    """Compile a function of tensors that reads the weights of ``model`` and changes nothing."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    _only_jax()
    import jax

    weights = model.variables

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
