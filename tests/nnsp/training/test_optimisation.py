# SPDX-License-Identifier: BSD-3-Clause
"""Optimisers, schedules and clipping: their text, and that they do in Keras what they say."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from nnsp.errors import UserError
from nnsp.training import optimisation
from nnsp.training.optimisation import Optimisation, parse_optimizer, parse_schedule
from nnsp.training.settings import Settings

EPOCHS, UPDATES = 4, 3


def made(**changes: Any) -> Optimisation:
    usual: dict[str, Any] = {name: getattr(Settings(), name) for name in ("optimizer", "schedule", "clip")}
    return Optimisation(**{**usual, "learning_rate": 0.01, "epochs": EPOCHS, "updates": UPDATES, **changes})


def weights_after(optimizer: keras.optimizers.Optimizer, steps: int = EPOCHS * UPDATES) -> np.ndarray:
    rng = np.random.default_rng(0)
    variables = [keras.Variable(rng.normal(size=shape).astype("float32")) for shape in ((3, 4), (5,))]
    optimizer.build(variables)
    for _ in range(steps):
        gradients = [ops.convert_to_tensor(rng.normal(0, 0.4, v.shape).astype("float32")) for v in variables]
        optimizer.apply(gradients, variables)
    return np.concatenate([ops.convert_to_numpy(v).ravel() for v in variables])


def adam(rate: Any, **more: Any) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(rate, **more)


COSINE = keras.optimizers.schedules.CosineDecay
BY_HAND: dict[str, tuple[dict[str, Any], Callable[[], keras.optimizers.Optimizer]]] = {
    "defaults": ({}, lambda: adam(COSINE(0.01, EPOCHS * UPDATES, alpha=0.02), global_clipnorm=1.0)),
    "averages": (
        {"ema": 0.9},
        lambda: adam(
            COSINE(0.01, EPOCHS * UPDATES, alpha=0.02), global_clipnorm=1.0, use_ema=True, ema_momentum=0.9
        ),
    ),
    "no clipping": (
        {"clip": 0.0, "schedule": "constant", "optimizer": "adam(beta1=0.8,beta2=0.99)"},
        lambda: adam(0.01, beta_1=0.8, beta_2=0.99),
    ),
    "momentum": (
        {"optimizer": "sgd(momentum=0.9,nesterov=1)", "schedule": "constant", "clip": 5.0},
        lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True, global_clipnorm=5.0),
    ),
    "rmsprop": (
        {"optimizer": "rmsprop(rho=0.8,momentum=0.5)", "schedule": "constant"},
        lambda: keras.optimizers.RMSprop(0.01, rho=0.8, momentum=0.5, global_clipnorm=1.0),
    ),
    "adagrad": (
        {"optimizer": "adagrad(initial=0.2)", "schedule": "constant"},
        lambda: keras.optimizers.Adagrad(0.01, initial_accumulator_value=0.2, global_clipnorm=1.0),
    ),
    "adadelta": (
        {"optimizer": "adadelta(rho=0.9)", "schedule": "constant"},
        lambda: keras.optimizers.Adadelta(0.01, rho=0.9, global_clipnorm=1.0),
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_updates_are_those_of_keras_to_the_bit(name: str) -> None:
    changes, by_hand = BY_HAND[name]
    np.testing.assert_array_equal(weights_after(made(**changes).keras), weights_after(by_hand()))


def test_every_optimiser_is_made() -> None:
    names = {parse_optimizer(changes.get("optimizer", "adam")).name for changes, _ in BY_HAND.values()}
    assert names == set(optimisation.OPTIMISERS) == set(optimisation.CLASSES)


def test_what_older_histories_mean_is_the_default() -> None:
    assert made().text == optimisation.FIRST


def rates(chosen: Optimisation, losses: list[float]) -> list[float]:
    """The learning rate after each epoch."""
    found = []
    for epoch, loss in enumerate(losses, start=1):
        chosen.keras.iterations.assign(epoch * UPDATES)
        chosen.end_epoch(epoch, loss)
        found.append(chosen.rate)
    return found


def test_schedules() -> None:
    np.testing.assert_allclose(rates(made(schedule="constant"), [1] * 4), 0.01)
    step = made(schedule="step(size=2,gamma=0.1)")
    np.testing.assert_allclose(rates(step, [1] * 5), [0.01, 0.001, 0.001, 0.0001, 0.0001], rtol=1e-6)
    assert step.state == {"cuts": 2}
    cosine = 0.01 * (0.1 + 0.9 * (1 + np.cos(np.pi * np.arange(1, 5) / 4)) / 2)
    np.testing.assert_allclose(rates(made(schedule="cosine(alpha=0.1)"), [1] * 4), cosine, rtol=1e-5)


LOSSES = [1.0, 0.9, 0.95, 0.9, 0.8, 0.85, 0.81, 0.82]


def test_plateau_cuts_after_epochs_without_a_smaller_loss() -> None:
    chosen = made(schedule="plateau(factor=0.1,patience=2)")
    expected = [0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.0001, 0.0001]
    np.testing.assert_allclose(rates(chosen, LOSSES), expected, rtol=1e-6)
    assert chosen.state == {"cuts": 2, "plateau_best": 0.8, "plateau_epochs": 1}


@pytest.mark.parametrize("stopped", range(1, len(LOSSES)))
def test_plateau_goes_on_from_a_history(stopped: int) -> None:
    text = "plateau(factor=0.1,patience=2)"
    unbroken, first, second = (made(schedule=text) for _ in range(3))
    expected = rates(unbroken, LOSSES)
    rates(first, LOSSES[:stopped])
    second.go_on({**first.text, **first.state}, comparable=True)
    assert second.rate == expected[stopped - 1]
    assert rates(second, LOSSES[stopped:]) == expected[stopped:]
    assert second.state == unbroken.state
    fresh = made(schedule=text)
    fresh.go_on({**first.text, **first.state}, comparable=False)
    assert fresh.rate == expected[stopped - 1] and fresh.waited == 0 and fresh.best == float("inf")


def test_the_learning_rate_is_no_memory() -> None:
    """So that the memory fits whatever schedule goes on with it."""
    variables = [keras.Variable(np.zeros(3, "float32"))]
    for schedule in optimisation.SCHEDULES:
        chosen = made(schedule=schedule)
        chosen.keras.build(variables)
        assert [v.shape for v in chosen.memory] == [(), (3,), (3,)], schedule


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (
            parse_optimizer,
            "lion",
            "unknown optimiser 'lion'; known are adam, sgd, rmsprop, adagrad, adadelta",
        ),
        (parse_optimizer, "adam(", "expected a name such as adam"),
        (parse_optimizer, "", "expected a name such as adam"),
        (parse_optimizer, "sgd(beta1=0.9)", "sgd has no parameter 'beta1'; it has momentum, nesterov"),
        (parse_optimizer, "sgd(momentum=1)", "momentum=1 of sgd must be a number from 0 to 0.9999"),
        (parse_optimizer, "sgd(nesterov=0.5)", "nesterov=0.5 of sgd must be a whole number from 0 to 1"),
        (parse_schedule, "linear", "unknown schedule 'linear'; known are cosine, constant, step, plateau"),
        (parse_schedule, "constant(size=2)", "constant has no parameter 'size'; it has none"),
        (parse_schedule, "step(size=0)", "size=0 of step must be a whole number from 1 to 100000"),
        (parse_schedule, "plateau(factor=2)", "factor=2 of plateau must be a number from 0.001 to 0.999"),
    ],
)
def test_bad_text(parse: Callable[[str], Any], text: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(text)
    source = "optimizer" if parse is parse_optimizer else "schedule"
    assert str(refused.value).startswith(f"`{source}={text}`: ") and message in str(refused.value)


@pytest.mark.parametrize(
    ("parse", "text", "whole"),
    [
        (parse_optimizer, "adam", "adam(beta1=0.9,beta2=0.999,epsilon=1e-07)"),
        (parse_optimizer, " sgd( nesterov = 1 )", "sgd(momentum=0,nesterov=1)"),
        (parse_schedule, "constant()", "constant"),
        (parse_schedule, "plateau(patience=3)", "plateau(factor=0.5,patience=3)"),
    ],
)
def test_text_names_everything_and_is_read_again(parse: Callable[[str], Any], text: str, whole: str) -> None:
    assert str(parse(text)) == whole
    assert parse(whole) == parse(text)
