# SPDX-License-Identifier: BSD-3-Clause
"""Training, stopping, going on, and what is refused; on a small network and a few seconds of sound."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from networks import STRIDED as ARCH
from networks import STRIDED_TEXT as TEXT
from nnsp import commands
from nnsp.commands.train import enhancement as train_se
from nnsp.data.mixing import Mixer
from nnsp.data.mixing_settings import MixingSettings
from nnsp.errors import UserError
from nnsp.inference import conversion
from nnsp.inference import trained as inference
from nnsp.inference.trained import load_trained
from nnsp.network import arch as arch_text
from nnsp.network.network import KerasNetwork, Network
from nnsp.network.streaming import build
from nnsp.places import ROOT
from nnsp.signal import frontend
from nnsp.signal.frontend import FrontEnd
from nnsp.tasks.enhancement import Mixtures, SpeechEnhancement
from nnsp.training import losses, optimisation, task
from nnsp.training.folder import ModelFolder, Normalisation
from nnsp.training.settings import Settings
from nnsp.training.task import Task
from nnsp.training.trainer import Trainer
from sounds import make_list

SETTINGS = Settings(batch_size=4, timesteps=50, batches=3, epochs=4, validation_batches=1, patience=0)
ENHANCEMENT = SpeechEnhancement()

Train = Callable[..., Trainer]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences of a second."""
    monkeypatch.setattr(task, "SEQUENCE_SECONDS", 1)
    monkeypatch.setattr(task, "NORMALISATION_SECONDS", 16)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_list(tmp_path_factory.mktemp("sounds"))


@pytest.fixture
def train(sounds: Path, tmp_path: Path) -> Train:
    """Make a trainer in a folder of `tmp_path`, and begin, resume or neither."""

    def train(
        epoch_loaded: str = "random",
        models: str = "models",
        arch: arch_text.Arch = ARCH,
        network: Network | None = None,
        fe: FrontEnd | None = None,
        overwrite: bool = False,
        change_loss: bool = False,
        change_optimizer: bool = False,
        task: Task = ENHANCEMENT,
        **changes: object,
    ) -> Trainer:
        mixing = MixingSettings.plain(
            snr_db=(0, 10), level_db=(-30, -20), colour_prob=0.5, second_noise_prob=0.25
        )
        mixers = Mixer.open(sounds, 0, mixing), Mixer.open(sounds, 1, mixing)
        settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
        network = network or build(arch, settings.seed)
        folder = ModelFolder(tmp_path / models, network.name)
        trainer = Trainer(folder, network, fe or FrontEnd(), task, *mixers, settings)
        if epoch_loaded == "random":
            trainer.begin({"command": "test"}, overwrite)
        else:
            trainer.resume(epoch_loaded, overwrite, change_loss, change_optimizer)
        return trainer

    return train


def interrupt(trainer: Trainer, epoch: int) -> None:
    """Run as a user would who presses Ctrl-C in that epoch."""
    mixer = trainer.sources[0]
    batch = mixer.batch

    def stop(number: int, step: int, *rest: Any) -> object:
        if (number, step) == (epoch, 1):
            raise KeyboardInterrupt
        return batch(number, step, *rest)

    mixer.batch = stop  # type: ignore[assignment,method-assign]
    with pytest.raises(KeyboardInterrupt):
        trainer.run()


def results(trainer: Trainer) -> tuple[list[np.ndarray], list[dict[str, object]]]:
    weights = [ops.convert_to_numpy(v) for v in trainer.network.variables]
    return weights, [
        {k: v for k, v in row.items() if k not in ("seconds", "waited")} for row in trainer.history
    ]


MOMENTUM = "sgd(momentum=0.9,nesterov=1)"


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"quantized": True},
        {"ema": 0.9},
        {
            "optimizer": MOMENTUM,
            "schedule": "plateau(factor=0.5,patience=1)",
            "learning_rate": 1.0,
            "clip": 0.01,
        },
        {"optimizer": "rmsprop", "schedule": "step(size=1,gamma=0.5)", "clip": 0.0},
    ],
)
def test_resumed_equals_unbroken(train: Train, changes: dict[str, Any]) -> None:
    unbroken = train(models="unbroken", **changes)
    unbroken.run()
    interrupt(train(**changes), epoch=3)
    resumed = train("latest", **changes)
    assert resumed.epoch == 2
    resumed.run()
    expected, found = results(unbroken), results(resumed)
    for a, b in zip(expected[0], found[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert expected[1] == found[1]


@pytest.mark.slow
def test_averages_are_what_is_kept(train: Train) -> None:
    """With weights that move, an average that takes a tenth of each update stays behind them."""
    trainer = train(epochs=1, batches=2, learning_rate=1e-2, ema=0.9)
    first = [ops.convert_to_numpy(v) for v in trainer.network.trainable_variables]
    taken, update = [], trainer._update

    def noted(*args: Any) -> Any:
        result = update(*args)
        taken.append([ops.convert_to_numpy(v) for v in trainer.network.trainable_variables])
        return result

    trainer._update = noted
    trainer.run()
    average = taken[0]
    for weights in taken[1:]:
        average = [0.9 * a + 0.1 * w for a, w in zip(average, weights, strict=True)]
    kept = build(ARCH)
    trainer.folder.load_weights(kept, 1)
    for a, k, w, f in zip(average, kept.trainable_variables, taken[-1], first, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(k), a, atol=1e-6)
        assert np.abs(w - f).max() > 1.2 * np.abs(a - f).max()
    for v, w in zip(trainer.network.trainable_variables, taken[-1], strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(v), w)


@pytest.mark.slow
def test_training_improves_and_its_folder_is_whole(train: Train, tmp_path: Path) -> None:
    trainer = train(epochs=5, batches=20, learning_rate=1e-2)
    untrained, _ = trainer._validate(trainer._validation_batches())
    trainer.run()
    last = trainer.history[-1]
    assert last["val_loss"] < 0.7 * untrained
    assert last["val_si_sdr_gain_db"] > 1
    assert last["learning_rate"] == pytest.approx(1e-2 * 0.02)
    assert trainer.best() == min(trainer.history, key=lambda row: row["val_loss"])["epoch"]

    path = trainer.folder.path
    assert path == tmp_path / "models" / "small"
    assert trainer.folder.epochs() == [1, 2, 3, 4, 5]
    assert sorted(p.name for p in path.glob("resume_*")) == ["resume_004.npz", "resume_005.npz"]
    assert not list(path.glob(".part*"))
    assert json.loads((path / "history.json").read_text()) == trainer.history
    with (path / "history.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [1, 2, 3, 4, 5]
    assert (path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert arch_text.load(path / "arch.txt").layers == ARCH.layers
    events = b"".join(p.read_bytes() for p in (path / "tensorboard").iterdir())
    assert events.count(b"val_si_sdr_gain_db") == 5

    (tmp_path / "def_small.txt").write_text(TEXT)
    trained = load_trained(tmp_path / "def_small.txt", "latest", tmp_path / "models")
    assert trained.epoch == 5
    for a, b in zip(trained.model.variables, trainer.network.variables, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))
    noisy, clean, _ = trainer.sources[1].batch(3, 0, 1, 2.0)
    y = trained.enhance(noisy[0] * 32768)
    assert y.shape == noisy[0].shape
    delay = trained.frontend.history
    errors = [np.sum((x - clean[0, :-delay]) ** 2) for x in (y[delay:] / 32768, noisy[0, :-delay])]
    assert errors[0] < 0.8 * errors[1]


@pytest.mark.slow
def test_streaming_outputs_equal_one_pass(
    train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    train(epochs=1).run()
    (tmp_path / "def_small.txt").write_text(TEXT)
    trained = load_trained(tmp_path / "def_small.txt", 1, tmp_path / "models")
    x = np.random.default_rng(1).normal(0, 1000, 131 * 160)
    features = trained.features(x)
    whole = trained.outputs(features)
    assert whole.shape == (131, 257)
    monkeypatch.setattr(inference, "INFERENCE_FRAMES", 39)
    np.testing.assert_allclose(trained.outputs(features), whole, atol=1e-6)
    quantised = trained.outputs(features, quantized=True)
    assert 0 < np.abs(quantised - whole).max() < 0.1


def test_normalisation(sounds: Path) -> None:
    fe, mixer = FrontEnd(), Mixer.open(sounds, 0)
    levels = []
    for step in range(2):
        x = mixer.batch(0, step, 8, 1)[0] * np.float32(32768)
        levels.append(frontend.levels(fe, *frontend.analyse(fe, frontend.with_history(fe, x))))
    found = ENHANCEMENT.normalise(fe, mixer)
    np.testing.assert_allclose(found.mean, np.mean(levels, axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found.std, np.std(levels, axis=(0, 1, 2)), rtol=1e-3)


def test_padding_does_not_count(train: Train) -> None:
    trainer = train()
    noisy, clean, valid = trainer.sources[0].batch(1, 0, 4, 1.0)
    valid[:] = 8000
    other = noisy.copy()
    other[:, 8000:] = 0.5

    def loss(noisy: np.ndarray) -> float:
        batch = Mixtures.of(trainer.fe, (noisy, clean, valid))
        batch = replace(batch, level=np.full(4, 1000, np.float32))
        total, state = 0.0, trainer.network.zero_state(4)
        for chunk in batch.chunks(50):
            value, (_, state) = trainer._measure(*chunk, state)
            total += float(value)
        return total

    assert loss(other) == loss(noisy) > 0


def test_stops_early(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = iter([0.5, 0.4, 0.45, 0.41, 0.3])
    monkeypatch.setattr(Trainer, "_validate", lambda *_: (next(worse), {"val_si_sdr_gain_db": 0.0}))
    trainer = train(epochs=5, patience=2, batches=1)
    trainer.run()
    assert (trainer.epoch, trainer.best()) == (4, 2)
    assert "no better for 2 epochs" in capsys.readouterr().out


@pytest.mark.slow
def test_quantised_goes_on_from_float(train: Train) -> None:
    train(epochs=1).run()
    trainer = train("latest", epochs=2, quantized=True)
    trainer.run()
    assert [row["quantized"] for row in trainer.history] == [False, True]
    assert trainer.best() == 2


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_trains(train: Train, name: str) -> None:
    """A few updates on one and the same batch, without dropout, reduce it."""
    dry = replace(ARCH, layers=(replace(ARCH.layers[0], dropprob=0.0), *ARCH.layers[1:]))
    trainer = train(arch=dry, task=SpeechEnhancement(distance=losses.parse(name)), learning_rate=1e-2)
    mixed = trainer.sources[0].batch(1, 0, 4, 1.0)
    chunk = next(Mixtures.of(trainer.fe, mixed).chunks(50))
    found = [float(trainer._update(*chunk, trainer.network.zero_state(4))[0]) for _ in range(6)]
    assert all(after < before for before, after in pairwise(found))
    assert json.loads((trainer.folder.path / "frontend.json").read_text())["provenance"]["loss"] == str(
        losses.parse(name)
    )


@pytest.mark.slow
def test_another_loss_is_asked_for(train: Train) -> None:
    train(epochs=1).run()
    other = losses.parse("psa")
    with pytest.raises(
        UserError, match=r"was trained with `loss=1\*compressed\(c=0\.5,a=0\.5,reduction=root\)`; leave"
    ):
        train("latest", task=SpeechEnhancement(distance=other))
    trainer = train("latest", task=SpeechEnhancement(distance=other), change_loss=True, epochs=2)
    trainer.run()
    assert [row["objective"].split("(")[0] for row in trainer.history] == ["1*compressed", "1*psa"]
    assert trainer.best() == 2
    assert [trainer.folder.trained_with(n)["objective"] for n in (1, 2)] == [str(losses.USUAL), str(other)]


@pytest.mark.slow
def test_history_that_says_neither_loss_nor_optimiser(train: Train) -> None:
    before = train(epochs=2)
    before.run()
    folder = before.folder
    newer = ("objective", "waited", "optimizer", "schedule", "clip", "clipped", "cuts")
    rows = [{k: v for k, v in row.items() if k not in newer} for row in folder.history(2)]
    (folder.path / "history.json").write_text(json.dumps(rows))
    trainer = train("latest", epochs=3)
    trainer.run()
    with (folder.path / "history.csv").open() as file:
        assert [row["objective"] for row in csv.DictReader(file)] == ["", "", str(losses.USUAL)]
    assert trainer.best() == min(trainer.history, key=lambda row: row["val_loss"])["epoch"]


@pytest.mark.slow
def test_another_optimiser_is_asked_for(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    train(epochs=1).run()
    first = train("latest", epochs=2).history[0]
    assert (first["optimizer"], first["schedule"], first["clip"]) == tuple(optimisation.FIRST.values())
    for changes, message in (
        (
            {"optimizer": "sgd"},
            r"`optimizer=adam\(beta1=0\.9,beta2=0\.999,epsilon=1e-07\)`; leave `optimizer` out",
        ),
        ({"schedule": "constant"}, r"`schedule=cosine\(alpha=0\.02\)`; leave `schedule` out"),
        (
            {"clip": 5.0},
            r"`clip=1\.0`; leave `clip` out to go on with it, or give `change_optimizer` as well",
        ),
    ):
        with pytest.raises(UserError, match=f"small: was trained with {message}"):
            train("latest", epochs=2, **changes)
    capsys.readouterr()
    trainer = train("latest", epochs=2, optimizer="sgd", schedule="constant", clip=5.0, change_optimizer=True)
    trainer.run()
    assert "optimiser state" not in capsys.readouterr().out
    assert [row["optimizer"].split("(")[0] for row in trainer.history] == ["adam", "sgd"]
    assert trainer.history[1]["learning_rate"] == pytest.approx(SETTINGS.learning_rate)
    assert int(ops.convert_to_numpy(trainer.optimisation.keras.iterations)) == 2 * 3 * 2
    assert train("latest", epochs=3, optimizer="sgd", schedule="constant", clip=5.0).epoch == 2


def test_another_schedule_keeps_the_optimisers_memory(train: Train) -> None:
    before = train(epochs=1)
    before.run()
    after = train("latest", epochs=2, schedule="plateau", change_optimizer=True)
    for a, b in zip(before.optimisation.memory, after.optimisation.memory, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


@pytest.mark.slow
def test_what_schedule_and_clipping_did_is_kept(train: Train) -> None:
    """With a rate of nearly nothing no epoch is better, and every gradient is larger than the limit."""
    trainer = train(schedule="plateau(factor=0.5,patience=2)", learning_rate=1e-12, clip=1e-6, epochs=6)
    trainer.run()
    assert [row["clipped"] for row in trainer.history] == [6] * 6
    assert [row["cuts"] for row in trainer.history] == [0, 0, 1, 1, 2, 2]
    assert [row["plateau_epochs"] for row in trainer.history] == [0, 1, 0, 1, 0, 1]
    assert {row["plateau_best"] for row in trainer.history} == {trainer.history[0]["val_loss"]}
    rates = [row["learning_rate"] for row in trainer.history]
    np.testing.assert_allclose(rates, [1e-12, 1e-12, 5e-13, 5e-13, 2.5e-13, 2.5e-13])
    loose = train(models="loose", epochs=1, clip=0.0)
    loose.run()
    assert loose.history[0]["clipped"] == 0


def own(kind: str = "both_ways", units: int = 8) -> KerasNetwork:
    """A network that never saw a text, with running statistics and a dropout of its own."""
    keras.utils.set_random_seed(3)
    x = y = keras.Input((None, 72))
    if kind == "both_ways":
        y = keras.layers.BatchNormalization()(y)
        y = keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True))(y)
        y = keras.layers.Dropout(0.3)(y)
    else:
        y = keras.layers.Reshape((-1, 72, 1))(y)
        y = keras.layers.Conv2D(units, 3, padding="same", activation="relu")(y)
        y = keras.layers.Reshape((-1, 72 * units))(y)
    return KerasNetwork(keras.Model(x, keras.layers.Dense(257, activation="sigmoid")(y), name=kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["both_ways", "flat"])
def test_network_of_ones_own_goes_on(train: Train, tmp_path: Path, kind: str) -> None:
    changes = {"epochs": 3, "learning_rate": 1e-2}
    unbroken = train(models="unbroken", network=own(kind), **changes)
    unbroken.run()
    interrupt(train(network=own(kind), **changes), epoch=3)
    resumed = train("latest", network=own(kind), **changes)
    assert resumed.epoch == 2 and resumed.folder.path == tmp_path / "models" / kind
    resumed.run()
    expected, found = results(unbroken), results(resumed)
    for a, b in zip(expected[0], found[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert expected[1] == found[1]
    assert found[1][-1]["val_loss"] < found[1][0]["val_loss"]  # type: ignore[operator]

    trained = load_trained(own(kind), "latest", tmp_path / "models")
    x = np.random.default_rng(1).normal(0, 1000, 40 * 160)
    expected_gains, _ = resumed.network.step(trained.features(x)[None], ())
    np.testing.assert_allclose(trained.outputs(trained.features(x))[:2], expected_gains[0, :2], atol=0.2)
    assert trained.enhance(x).shape == x.shape
    with pytest.raises(UserError, match=f"{kind}: was not made of a text, so there is no integer network"):
        conversion.convert(trained)
    with pytest.raises(
        UserError, match=rf"{kind}: was trained with another network than it is now \(see .*arch"
    ):
        train("latest", network=own(kind, units=9), **changes)


def test_network_of_ones_own_has_no_integers(train: Train) -> None:
    with pytest.raises(UserError, match="both_ways: cannot be trained with integers; leave `quantized` out"):
        train(network=own(), quantized=True)
    with pytest.raises(UserError, match="empty: has no weights yet; call it once"):
        KerasNetwork(keras.Sequential([keras.layers.Dense(3)], name="empty"))


@pytest.mark.slow
def test_judge_is_what_validates(train: Train) -> None:
    """The same network, judged by another loss than trained with, has other validation losses and weights alike."""
    rows = []
    for judge in (None, losses.parse("mse")):
        trainer = train(models=str(judge), epochs=1, task=SpeechEnhancement(judge=judge))
        trainer.run()
        rows.append(trainer.history[0])
    assert rows[0]["loss"] == rows[1]["loss"] and rows[0]["val_loss"] != rows[1]["val_loss"]
    assert rows[0]["val_si_sdr_gain_db"] == rows[1]["val_si_sdr_gain_db"]


def test_loss_that_is_no_number(train: Train) -> None:
    trainer = train()
    bias = trainer.network.variables[1]
    bias.assign(ops.convert_to_numpy(bias) * np.nan)
    with pytest.raises(UserError, match="epoch 1, batch 1: the loss is not a number"):
        trainer.run()


@pytest.mark.slow
def test_epochs_in_the_way(train: Train) -> None:
    train(epochs=3).run()
    with pytest.raises(UserError, match="holds 3 trained epochs; go on with `epoch_loaded=latest`, or"):
        train("random")
    with pytest.raises(UserError, match="holds epochs after 2"):
        train("2")
    again = train("2", overwrite=True)
    assert again.folder.epochs() == [1, 2]
    assert [row["epoch"] for row in again.history] == [1, 2]
    assert train("random", overwrite=True).folder.epochs() == []


@pytest.mark.slow
def test_older_epoch_without_optimiser_state(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    train(epochs=4).run()
    trainer = train("1", overwrite=True)
    assert "epoch 1: its optimiser state is not kept" in capsys.readouterr().out
    assert int(ops.convert_to_numpy(trainer.optimisation.keras.iterations)) == 1 * 3 * 2


@pytest.mark.parametrize(
    ("epoch_loaded", "message"),
    [
        ("7", r"holds no epoch 7; there are 1$"),
        ("newest", "`epoch_loaded=newest`: expected random, latest, or the number of an epoch"),
        ("-1", "`epoch_loaded=-1`: expected random, latest"),
    ],
)
def test_unknown_epoch(train: Train, epoch_loaded: str, message: str) -> None:
    train(epochs=1).run()
    with pytest.raises(UserError, match=message):
        train(epoch_loaded)


@pytest.mark.slow
def test_folder_of_something_else(train: Train) -> None:
    with pytest.raises(
        UserError, match=r"holds no trained epoch; train first with train_se\.py, or the tool of its task"
    ):
        train("latest")
    trainer = train(epochs=1)
    trainer.run()
    other = replace(ARCH, layers=(replace(ARCH.layers[0], units=13), *ARCH.layers[1:]))
    with pytest.raises(UserError, match="was trained with another network than it is now"):
        train("latest", arch=other)
    less_dropout = replace(ARCH, layers=(replace(ARCH.layers[0], dropprob=0.0), *ARCH.layers[1:]))
    assert train("latest", arch=less_dropout).epoch == 1

    path = trainer.folder.path
    weights = trainer.folder.weights_path(1)
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"epoch_001\.weights\.h5: is no checkpoint of small"):
        train("latest")
    (path / "frontend.json").write_text('{"rate": 16000}')
    with pytest.raises(UserError, match=r"frontend\.json: cannot be read"):
        train("latest")


def test_weights_of_another_network(train: Train) -> None:
    trainer = train(epochs=1)
    trainer.run()
    other = replace(ARCH, name="other", layers=(replace(ARCH.layers[0], units=13), *ARCH.layers[1:]))
    build(other).save_weights(trainer.folder.weights_path(1))
    with pytest.raises(UserError, match=r"epoch_001\.weights\.h5: is no checkpoint of small"):
        train("latest")


def test_other_features(train: Train) -> None:
    pspec = FrontEnd(feat_type="pspec")
    arch = replace(ARCH, input_neurons=257)
    with pytest.raises(UserError, match="input_neurons 72, but `feat_type=pspec` gives 257 features"):
        train(fe=pspec)
    folder = train(fe=pspec, arch=arch, epochs=1).folder
    folder.start(
        arch_text.to_text(arch),
        FrontEnd(bands=257),
        Normalisation(np.ones(257, "f"), np.ones(257, "f")),
        {},
        ENHANCEMENT.to_json(),
    )
    folder.weights_path(1).touch()
    with pytest.raises(UserError, match="was trained with feat_type mel, not pspec; give `feat_type=mel`"):
        train("latest", fe=pspec, arch=arch)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TEXT.replace("sigmoid", "tanh"),
            "must be an fc or conv1d of 257 sigmoid neurons .* not fc 257 tanh",
        ),
        (TEXT.replace("257", "256"), "not fc 256 sigmoid"),
    ],
)
def test_network_without_gains(train: Train, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        train(arch=arch_text.parse(text, "small"))


def test_timesteps_against_strides(train: Train) -> None:
    with pytest.raises(UserError, match="`timesteps=25` must be a multiple of the network's strides, 2"):
        train(timesteps=25)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nn_arch=nowhere.txt"], "train_se: nowhere.txt: no such file"),
        (["--batchsize=0"], "train_se: --batchsize=0 must be 1 or more"),
        (["--learning_rate=-1"], "train_se: --learning_rate=-1.0 must lie between 0 and 1"),
        (["--loss=mse+"], "train_se: --loss=mse+: expected a sum such as"),
        (["--mask_floor=0.6"], "train_se: --mask_floor=0.6 must lie from 0 to 0.5"),
        (["--ema=1"], "train_se: --ema=1.0 must lie from 0 to below 1"),
        (["--optimizer=lion"], "train_se: --optimizer=lion: unknown optimiser 'lion'; known are adam, sgd, "),
        (
            ["--schedule=step(5)"],
            "train_se: --schedule='step(5)': step has no parameter '5'; it has size, gamma",
        ),
        (["--clip=-1"], "train_se: --clip=-1.0 must be 0 or more"),
        (["--workers=2", "--worker=2"], "train_se: --worker=2 must lie from 0 to below --workers=2"),
        (["--workers=2"], "train_se: --workers above 1 and --coordinator=HOST:PORT go together"),
        (["--coordinator=here:1"], "train_se: --workers above 1 and --coordinator=HOST:PORT go together"),
        (["--workers=2", "--coordinator=here:1"], "train_se: --workers above 1 wants --train_list and"),
        (["--train_list=a.csv"], "train_se: --train_list and --test_list go together"),
        (["--train_list=a.csv", "--test_list=b.csv"], "train_se: a.csv: no such list of clips"),
        (["--feat_type=pspec"], "train_se: small: input_neurons 72, but --feat_type=pspec gives 257"),
    ],
)
def test_tool_refuses(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "def_small.txt").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train_se.py", "--nn_arch=def_small.txt", *arguments])
    with pytest.raises(SystemExit) as ended:
        commands.run(train_se.main)
    assert ended.value.code == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_interrupted_tool_goes_on(sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "def_small.txt").write_text(TEXT)
    command = [
        *(sys.executable, str(ROOT / "py_tools" / "train_se.py"), "--nn_arch=def_small.txt", "--batches=3"),
        *(f"--train_list={sounds}", f"--test_list={sounds}", "--batchsize=2", "--models_dir=models"),
    ]
    with subprocess.Popen(
        [*command, "--num_epoch=1000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert any(line.startswith("epoch 1: loss") for line in running.stdout)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert errors.endswith("stopped; finished epochs are kept, go on with --epoch_loaded=latest\n")
    done = ModelFolder(tmp_path / "models", ARCH.name).epochs()[-1]
    resumed = subprocess.run(
        [*command, f"--num_epoch={done + 1}", "--epoch_loaded=latest"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"epoch {done + 1}: loss" in resumed.stdout
    assert f"epoch {done}: loss" not in resumed.stdout


STEP = """
import sys
import keras, numpy as np
from nnsp.network import arch
from nnsp.training import steps
from nnsp.network.streaming import build
from nnsp.training.folder import Normalisation
from nnsp.signal.frontend import FrontEnd
from nnsp.tasks.enhancement import Mixtures, SpeechEnhancement

fe, net = FrontEnd(), arch.parse(sys.stdin.read(), "small")
normalisation = Normalisation(np.full(72, 14, "f"), np.full(72, 4, "f"))
print(keras.backend.backend())
for quantized in (False, True):
    rng = np.random.default_rng(0)
    model = build(net)
    for v in model.trainable_variables:
        v.assign(rng.normal(0, 0.3, v.shape))
    loss = SpeechEnhancement().loss(model, fe, normalisation, quantized)
    optimizer, dropout = keras.optimizers.Adam(1e-2, global_clipnorm=1.0), keras.random.SeedGenerator(0)

    def function(*args):
        value, (_, state) = loss(*args, dropout=dropout)
        return value, state

    update = steps.train_step(function, model, optimizer, [dropout.state])
    clean, hiss = rng.normal(0, 0.1, (2, 3, 4800)).astype("f")
    chunk = next(Mixtures.of(fe, (clean + hiss, clean, np.full(3, 4800, "i"))).chunks(30))
    print(*(float(update(*chunk, model.zero_state(3))[0]) for _ in range(4)))
"""


@pytest.mark.slow
def test_jax_trains_as_tensorflow_does() -> None:
    pytest.importorskip("jax")
    found = {}
    for backend in ("tensorflow", "jax"):
        done = subprocess.run(
            [sys.executable, "-c", STEP],
            input=TEXT.replace("dropprob 0.1\n", ""),
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        used, *losses = done.stdout.splitlines()
        assert used == backend
        found[backend] = np.array([line.split() for line in losses], dtype=float)
    assert (np.diff(found["jax"], axis=1) < 0).all()
    np.testing.assert_allclose(found["jax"], found["tensorflow"], atol=1e-4)
