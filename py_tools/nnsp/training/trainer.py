# SPDX-License-Identifier: BSD-3-Clause
"""Train a network for a task, epoch by epoch; it can stop and go on at any of them."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from nnsp.data.source import Source, prefetch
from nnsp.errors import UserError
from nnsp.network.network import Network
from nnsp.progress import progress
from nnsp.signal.frontend import FrontEnd
from nnsp.training import steps
from nnsp.training.folder import FIRST, ModelFolder, Normalisation
from nnsp.training.optimisation import Optimisation
from nnsp.training.settings import Settings
from nnsp.training.task import Batch, Task
from nnsp.training.workers import STARTED_OTHERWISE, Workers

Floats = NDArray[np.float32]


class Trainer:
    """Train one network in one folder.

    Parameters
    ----------
    folder : ModelFolder
    network : Network
        With its first weights, made after `Workers.join`, by all workers from the same seed.
    fe : FrontEnd
    task : Task
    train, test : Source
        ``test`` has unseen speakers and noise.
    settings : Settings
    workers : Workers, optional
        Processes that train together; the first of them writes the folder.

    Raises
    ------
    UserError
        The network does not serve the task or has no integers to train with, the timesteps do not fit its strides, or
        the batch does not fit the devices.
    """

    def __init__(
        self,
        folder: ModelFolder,
        network: Network,
        fe: FrontEnd,
        task: Task,
        train: Source,
        test: Source,
        settings: Settings,
        workers: Workers | None = None,
    ) -> None:
        if network.arch is not None:
            task.check(network.arch, fe)
        if settings.quantized and not network.quantisable:
            raise UserError(f"{network.name}: cannot be trained with integers; leave `quantized` out")
        if settings.timesteps % network.stride:
            raise UserError(
                f"`timesteps={settings.timesteps}` must be a multiple of the network's strides, {network.stride}"
            )
        self.workers = workers or Workers()
        if settings.batch_size % self.workers.devices:
            raise UserError(
                f"`batch_size={settings.batch_size}` must be a multiple of {self.workers.devices}, the devices that "
                "share it"
            )
        identity = (network.name, network.describe(), fe, task, settings, train.identity, test.identity)
        self.workers.agree(identity, STARTED_OTHERWISE)
        self.folder, self.network, self.fe = folder, network, fe
        self.task, self.settings = task, settings
        self.sources = train, test
        steps.make_deterministic()
        self.chunks = max(1, round(task.sequence_seconds * fe.rate / fe.hop / settings.timesteps))
        self.seconds = self.chunks * settings.timesteps * fe.hop / fe.rate
        self.epoch = 0
        self.history: list[dict[str, Any]] = []
        self.optimisation = Optimisation(
            optimizer=settings.optimizer,
            schedule=settings.schedule,
            clip=settings.clip,
            learning_rate=settings.learning_rate,
            epochs=settings.epochs,
            updates=settings.batches * self.chunks,
            ema=settings.ema,
        )
        zeros = network.zero_state(settings.batch_size // self.workers.count)
        self._silence = keras.tree.map_structure(
            lambda zero: self.workers.tensor(ops.convert_to_numpy(zero)), zeros
        )
        self.dropout = keras.random.SeedGenerator(settings.seed)

    def begin(self, provenance: dict[str, Any], overwrite: bool) -> None:
        """Start from random weights.

        Raises
        ------
        UserError
            The folder holds a training, and `overwrite` is not given.
        """
        known = self.folder.epochs() if self.workers.first else []
        if known and not overwrite:
            raise UserError(
                f"{self.folder.path}: holds {len(known)} trained epochs; go on with `epoch_loaded=latest`, "
                "or give `overwrite` to delete them and start again"
            )
        normalisation = self.task.normalise(self.fe, self.sources[0])
        if self.workers.first:
            provenance = {**provenance, "loss": self.task.objective, **self.optimisation.text}
            self.folder.start(
                self.network.describe(), self.fe, normalisation, provenance, self.task.to_json()
            )
            _, normalisation = self.folder.frontend()  # whose numbers are rounded
        normalisation = Normalisation(*self.workers.share((normalisation.mean, normalisation.std)))
        self._compile(normalisation)

    def resume(
        self,
        epoch_loaded: str,
        overwrite: bool,
        change_loss: bool = False,
        change_optimizer: bool = False,
    ) -> None:
        """Go on from an epoch in the folder, which all workers must see.

        Raises
        ------
        UserError
            There is none, it was trained with another network or front end, with another loss and `change_loss` is not
            given, with another optimiser, schedule or clipping and `change_optimizer` is not given, or later ones would
            be lost and `overwrite` is not given.
        """
        epoch = self.folder.find(epoch_loaded)
        self.folder.check(self.network)
        self.workers.agree(epoch, f"in {self.folder.path} another last epoch ({epoch})")
        form = self.folder.task()
        if (form["task"], form["labels"]) != (self.task.name, list(self.task.labels)):
            raise UserError(
                f"{self.folder.path}: was trained for {_described(form)}, not {_described(self.task.to_json())}; "
                "give `models_dir=DIR` for another folder"
            )
        arch = self.network.arch
        trained_with, normalisation = self.folder.frontend(arch.input_neurons if arch else None)
        for field in fields(FrontEnd):
            old, new = (getattr(fe, field.name) for fe in (trained_with, self.fe))
            if old != new:
                raise UserError(
                    f"{self.folder.path}: was trained with {field.name} {old}, not {new}; give `{field.name}={old}`"
                )
        before = self.folder.trained_with(epoch)
        now = {"objective": self.task.objective, **self.optimisation.text}
        for name, old in before.items():
            setting, change, meant = (
                ("loss", "change_loss", change_loss)
                if name == "objective"
                else (name, "change_optimizer", change_optimizer)
            )
            if old != now[name] and not meant:
                raise UserError(
                    f"{self.folder.path}: was trained with `{setting}={old}`; leave `{setting}` out to go on with it, "
                    f"or give `{change}` as well"
                )
        if epoch != self.folder.epochs()[-1] and not overwrite:
            raise UserError(
                f"{self.folder.path}: holds epochs after {epoch}; go on with `epoch_loaded=latest`, or give "
                "`overwrite` to delete them"
            )
        self._compile(normalisation)
        self.folder.load_weights(self.network, epoch)
        alike = before["optimizer"] == now["optimizer"]
        if not alike or not self.folder.load_memory(self._memory, self.network, epoch):
            optimizer, name = self.optimisation.keras, self.optimisation.chosen.name
            if self.workers.first and alike:
                print(f"epoch {epoch}: its optimiser state is not kept; {name} starts with a fresh one")
            optimizer.iterations.assign(epoch * self.settings.batches * self.chunks)
            if self.settings.ema:
                # Keras begins the averages at the first update, which this no longer is.
                for average, weights in zip(
                    optimizer._model_variables_moving_average,
                    self.network.trainable_variables,
                    strict=True,
                ):
                    average.assign(weights)
        self.workers.agree(epoch, "another last epoch")  # so that none is deleted before all have read it
        if self.workers.first:
            self.folder.drop_after(epoch)
        self.epoch, self.history = epoch, self.folder.history(epoch)
        if self.history:
            last = self.history[-1]
            self.optimisation.go_on(last, comparable=_manner(last) == self._manner)

    def _compile(self, normalisation: Normalisation) -> None:
        arguments = self.network, self.fe, normalisation, self.settings.quantized
        loss = self.task.loss(*arguments)

        def with_dropout(*args: Any) -> tuple[Any, Any]:
            value, (_, state) = loss(*args, self.dropout)
            return value, state

        self._update = steps.train_step(
            with_dropout,
            self.network,
            self.optimisation.keras,
            [self.dropout.state, *self.network.non_trainable_variables],
        )
        self._measure = steps.compiled(self.task.loss(*arguments, judging=True), self.network)

    def run(self, after_epoch: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Train until the last epoch, or until the validation loss has long not improved.

        Parameters
        ----------
        after_epoch : callable, optional
            Is given each epoch's row of the history.

        Raises
        ------
        UserError
            The loss is no longer a number.
        """
        from tensorboard.summary import Writer

        first = self.workers.first
        validation = self._validation_batches()
        log = Writer(str(self.folder.path / "tensorboard")) if first else None
        while self.epoch < self.settings.epochs and not self._exhausted():
            started = time.monotonic()
            self.epoch += 1
            loss, waited, clipped = self._train_epoch()
            with self._averages() as unaveraged:
                val_loss, values = self._validate(validation)
                self.optimisation.end_epoch(self.epoch, val_loss)
                seconds = time.monotonic() - started
                row = {
                    "epoch": self.epoch,
                    "loss": loss,
                    "val_loss": val_loss,
                    **values,
                    "learning_rate": self.optimisation.rate,
                    "quantized": self.settings.quantized,
                    "objective": self.task.objective,
                    **self.optimisation.text,
                    "clipped": clipped,
                    **self.optimisation.state,
                    "seconds": round(seconds, 1),
                    "waited": round(waited, 1),
                }
                self.history.append(row)
                if first:
                    self.folder.save(self.epoch, self.network, self._memory, self.history, unaveraged)
            if log:
                for name in ("loss", "val_loss", *self.task.metrics, "learning_rate"):
                    log.add_scalar(name, row[name], self.epoch)
                log.flush()
                print(
                    f"epoch {self.epoch}: loss {loss:.5f}, unseen {val_loss:.5f}, {self.task.describe(row)}, "
                    f"{seconds:.0f} s, {waited / seconds:.0%} of it waiting for data",
                    flush=True,
                )
            if after_epoch:
                after_epoch(row)
        if log:
            log.close()
            if self._exhausted():
                print(f"no better for {self.settings.patience} epochs: stopped early")

    def best(self) -> int:
        """Return the epoch of least validation loss, among those trained like the last one."""
        alike = [row for row in self.history if _manner(row) == _manner(self.history[-1])]
        return int(min(alike, key=lambda row: row["val_loss"])["epoch"])

    def _exhausted(self) -> bool:
        if not self.history or _manner(self.history[-1]) != self._manner:
            return False
        return 0 < self.settings.patience <= self.epoch - self.best()

    @property
    def _memory(self) -> list[keras.Variable]:
        """What an update changes beside the weights. Files of weights do not keep the states of random generators."""
        return [*self.optimisation.memory, *self.network.non_trainable_variables]

    @property
    def _manner(self) -> tuple[bool, str]:
        return self.settings.quantized, self.task.objective

    @contextmanager
    def _averages(self) -> Iterator[list[Floats]]:
        """Put the averages in place of the weights meanwhile; yields these. Without averages nothing changes."""
        if not self.settings.ema:
            yield []
            return
        trained = self.network.trainable_variables
        weights = [ops.convert_to_numpy(variable) for variable in trained]
        self.optimisation.keras.finalize_variable_values(trained)
        yield weights
        for variable, value in zip(trained, weights, strict=True):
            variable.assign(value)

    def _batches(self, source: Source, epoch: int, batches: int) -> Iterator[Batch]:
        s, w = self.settings, self.workers
        size, worker = (s.batch_size, self.seconds, s.threads), (w.index, w.count)
        for made in prefetch(source, epoch, range(batches), *size, *worker):
            yield self.task.batch(self.fe, made)

    def _tensors(self, batch: Batch) -> Iterator[list[Any]]:
        for chunk in batch.chunks(self.settings.timesteps):
            yield [self.workers.tensor(array) for array in chunk]

    def _train_epoch(self) -> tuple[float, float, int]:
        """Train one epoch; return the mean loss, the seconds it waited for rows, and how many updates were clipped."""
        s = self.settings
        self.dropout.state.assign(np.array([s.seed, self.epoch], dtype="uint32"))
        total, waited, clipped = 0.0, 0.0, 0
        bar = progress(
            self._batches(self.sources[0], self.epoch, s.batches),
            total=s.batches,
            desc=f"epoch {self.epoch}/{s.epochs}",
            unit="batch",
            leave=False,
            disable=not self.workers.first,
        )
        asked = time.monotonic()
        for number, batch in enumerate(bar, start=1):
            waited += time.monotonic() - asked
            state, chunk_losses, norms = self._silence, [], []
            for chunk in self._tensors(batch):
                loss, state, norm = self._update(*chunk, state)
                chunk_losses.append(loss)
                norms.append(norm)
            clipped += sum(float(norm) > s.clip for norm in norms) if s.clip else 0
            total += float(np.mean([float(loss) for loss in chunk_losses]))
            if not math.isfinite(total):
                raise UserError(
                    f"epoch {self.epoch}, batch {number}: the loss is not a number; go on from an "
                    f"earlier epoch with a `learning_rate` below {s.learning_rate:g}"
                )
            bar.set_postfix(loss=f"{total / number:.5f}")
            asked = time.monotonic()
        return total / s.batches, waited, clipped

    def _validation_batches(self) -> list[Batch]:
        return list(self._batches(self.sources[1], 0, self.settings.validation_batches))

    def _validate(self, batches: list[Batch]) -> tuple[float, dict[str, float]]:
        """Return the loss and the metrics over the validation set."""
        chunk_losses: list[float] = []
        values: dict[str, list[float]] = {name: [] for name in self.task.metrics}
        for batch in batches:
            state, parts = self._silence, []
            for chunk in self._tensors(batch):
                loss, (outputs, state) = self._measure(*chunk, state)
                chunk_losses.append(float(loss))
                parts.append(self.workers.own(outputs))
            for name, found in self.task.measure(self.fe, batch, np.concatenate(parts, axis=1)).items():
                values[name] += found
        means = {name: self.workers.mean(found) for name, found in values.items()}
        return float(np.mean(chunk_losses)), means


def _manner(row: dict[str, Any]) -> tuple[bool, str]:
    """Return how an epoch was trained; validation losses of the same manner can be compared."""
    return row["quantized"], row.get("objective", FIRST["objective"])


def _described(form: dict[str, Any]) -> str:
    labels = f" of {', '.join(form['labels'])}" if form["labels"] else ""
    return f"{form['task']}{labels}"
