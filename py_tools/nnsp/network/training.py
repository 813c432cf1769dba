"""Training a network on noisy speech, epoch by epoch, so that it can stop and go on at any of them."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from tqdm import tqdm

from nnsp.data.mixing import Mixer, prefetch
from nnsp.errors import UserError
from nnsp.network import arch as arch_text
from nnsp.network import losses, steps
from nnsp.network.arch import Arch
from nnsp.network.build import Network, build
from nnsp.network.folder import FIRST_LOSS, ModelFolder, Normalisation, find_folder
from nnsp.network.losses import Loss
from nnsp.network.workers import Workers
from nnsp.signal import frontend, metrics
from nnsp.signal.frontend import SMALLEST_STD, FrontEnd

FULL_SCALE = 32768.0
SEQUENCE_SECONDS = 10  # about; states run through a sequence and begin at zero with the next
NORMALISATION_SECONDS = 600
CLIP_NORM = 1.0
LAST_RATE = 0.02  # of the first learning rate, where the cosine ends
QUIET = 0.1  # speech below this share of the noisy power counts as if it had it
TRIVIAL_DB = 30.0  # mixtures cleaner than this say nothing about enhancement
INFERENCE_FRAMES = 600

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """How to train. An epoch is `batches` batches of sequences, cut into updates of `timesteps` frames.

    ``ema`` is the share of an average of the weights that each update leaves in it; with it, not 0, the averages are
    what is validated and kept. ``judge`` takes the place of the loss in validation. ``threads`` make the mixtures.
    """

    batch_size: int = 64
    timesteps: int = 100
    batches: int = 100
    epochs: int = 100
    learning_rate: float = 1e-3
    quantized: bool = False
    patience: int = 20
    validation_batches: int = 2
    seed: int = 0
    loss: Loss = losses.USUAL
    judge: Loss | None = None
    ema: float = 0.0
    threads: int = 2


@dataclass(frozen=True)
class Trained:
    """A network with the weights of one epoch, and the front end they belong to."""

    arch: Arch
    frontend: FrontEnd
    mean: Floats
    std: Floats
    model: Network
    epoch: int
    weights_path: Path

    @cached_property
    def _step(self) -> dict[bool, steps.Function]:
        return {
            quantized: steps.compiled(lambda x, state, q=quantized: self.model.step(x, state, q), self.model)
            for quantized in (False, True)
        }

    def features(self, samples: NDArray[Any]) -> Floats:
        """Normalised features, float32 [frames, features], of samples [n] in int16 units."""
        fe = self.frontend
        spectrum = frontend.analyse(fe, frontend.with_history(fe, samples.astype(np.float32)))
        level = frontend.levels(fe, *spectrum)
        return np.asarray(frontend.features(level, self.mean, self.std), dtype=np.float32)

    def masks(self, features: Floats, quantized: bool = False) -> Floats:
        """Gains, float32 [frames, bins]; quantised, on the integer network's grid."""
        block = -(-INFERENCE_FRAMES // self.arch.stride) * self.arch.stride
        step = self._step[quantized]
        state, parts = self.model.zero_state(1), []
        for start in range(0, len(features), block):
            piece = features[start : start + block]
            full = np.pad(piece, [(0, block - len(piece)), (0, 0)])
            mask, state = step(ops.convert_to_tensor(full[None]), state)
            parts.append(ops.convert_to_numpy(mask)[0, : len(piece)])
        return np.concatenate(parts)

    def enhance(self, samples: NDArray[Any], quantized: bool = False) -> NDArray[np.float64]:
        """Enhance in floating point.

        Parameters
        ----------
        samples : [n] in int16 units, n a multiple of the hop
        quantized : bool
            With fake-quantised weights and activations.

        Returns
        -------
        float64 [n] in int16 units
            window_size - hop samples late.
        """
        fe = self.frontend
        re, im = frontend.analyse(fe, frontend.with_history(fe, samples.astype(np.float32)))
        gain = frontend.gain(fe, self.masks(self.features(samples), quantized))
        return frontend.synthesise(fe, re * gain, im * gain)


def load(
    nn_arch: Arch | Path | str, epoch_loaded: str | int, models_dir: Path | str | None = None
) -> Trained:
    """Load a trained network.

    Parameters
    ----------
    nn_arch : Arch or path
        The network or its text.
    epoch_loaded : 'latest' or number
    models_dir : path, optional
        As `find_folder` takes it.

    Raises
    ------
    UserError
        There is no such epoch, or it was trained with another text.
    """
    arch = nn_arch if isinstance(nn_arch, Arch) else arch_text.load(nn_arch)
    folder = find_folder(models_dir, arch)
    epoch = folder.find(str(epoch_loaded))
    folder.check()
    fe, normalisation = folder.frontend()
    model = build(arch)
    folder.load_weights(model, epoch)
    return Trained(arch, fe, normalisation.mean, normalisation.std, model, epoch, folder.weights_path(epoch))


def normalise(fe: FrontEnd, mixer: Mixer) -> Normalisation:
    """Mean and deviation of every feature over mixtures, those of epoch 0, which is not trained on.

    Raises
    ------
    UserError
        A mixture is not finite.
    """
    count, total, squares = 0, np.zeros(fe.feature_count), np.zeros(fe.feature_count)
    batches = range(math.ceil(NORMALISATION_SECONDS / (8 * SEQUENCE_SECONDS)))
    made = prefetch(mixer, 0, batches, 8, SEQUENCE_SECONDS)
    for noisy, _, _ in tqdm(made, total=len(batches), desc="mean and deviation", unit="batch", leave=False):
        spectrum = frontend.analyse(fe, frontend.with_history(fe, noisy * np.float32(FULL_SCALE)))
        level = frontend.levels(fe, *spectrum).reshape(-1, fe.feature_count)
        count += len(level)
        total += level.sum(axis=0, dtype=np.float64)
        squares += np.square(level, dtype=np.float64).sum(axis=0)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    if not np.isfinite(std).all():
        raise UserError("the training mixtures hold NaN or infinity; make the lists again with data_se.py")
    return Normalisation(mean.astype(np.float32), np.maximum(std, SMALLEST_STD).astype(np.float32))


class Objective:
    """From a chunk of waveforms to the loss, in tensors."""

    def __init__(
        self,
        model: Network,
        fe: FrontEnd,
        normalisation: Normalisation,
        quantized: bool,
        loss: Loss = losses.USUAL,
    ) -> None:
        self.model, self.fe, self.normalisation, self.quantized = model, fe, normalisation, quantized
        self.loss = loss

    def __call__(
        self,
        noisy: Any,
        clean: Any,
        valid: Any,
        level: Any,
        state: Any,
        dropout: keras.random.SeedGenerator | None = None,
    ) -> tuple[Any, tuple[Any, Any]]:
        """Loss of a chunk, (gain, new state).

        Parameters
        ----------
        noisy, clean : [batch, history + time * hop] in int16 units
        valid : [batch, time]
        level : [batch]
            Root mean square of a bin of the speech, for `losses`.
        state : list
        """
        x = frontend.analyse(self.fe, noisy, ops)
        s = frontend.analyse(self.fe, clean, ops)
        level_x = frontend.levels(self.fe, *x, ops)
        features = frontend.features(level_x, self.normalisation.mean, self.normalisation.std, ops)
        mask, state = self.model.step(features, state, self.quantized, dropout)
        gain = frontend.gain(self.fe, mask, ops)
        return self.loss(losses.Frames(self.fe, gain, x, s, level, valid)), (gain, state)


@dataclass(frozen=True)
class Batch:
    """Sequences in int16 units with their history, and what the loss needs of them as a whole."""

    noisy: Floats
    clean: Floats
    valid: Floats
    level: Floats

    @classmethod
    def of(cls, fe: FrontEnd, mixed: tuple[Floats, Floats, NDArray[np.int32]]) -> "Batch":
        """From the waveforms of a `Mixer`, in [-1, 1)."""
        noisy, clean = (x * np.float32(FULL_SCALE) for x in mixed[:2])
        ends = (np.arange(noisy.shape[1] // fe.hop) + 1) * fe.hop
        valid = (ends <= mixed[2][:, None]).astype(np.float32)
        powers = [np.mean(np.square(x), axis=1, dtype=np.float64) for x in (clean, noisy)]
        power = np.maximum(np.maximum(powers[0], QUIET * powers[1]), 1.0)
        level = np.sqrt(power * np.sum(frontend.window(fe) ** 2)).astype(np.float32)
        return cls(frontend.with_history(fe, noisy), frontend.with_history(fe, clean), valid, level)

    def chunks(
        self, fe: FrontEnd, timesteps: int, tensor: Callable[[Any], Any] = ops.convert_to_tensor
    ) -> Iterator[list[Any]]:
        """Tensors of `Objective` but the state, `timesteps` frames at a time."""
        for start in range(0, self.valid.shape[1], timesteps):
            samples = slice(start * fe.hop, (start + timesteps) * fe.hop + fe.history)
            parts = (self.noisy[:, samples], self.clean[:, samples], self.valid[:, start : start + timesteps])
            yield [tensor(x) for x in (*parts, self.level)]


class Trainer:
    """Trains one network in one folder.

    Parameters
    ----------
    folder : ModelFolder
    fe : FrontEnd
    train, test : Mixer
        The second of unseen speakers and noise.
    settings : Settings
    workers : Workers, optional
        That train together; the first of them writes the folder.

    Raises
    ------
    UserError
        The network does not fit the front end, timesteps its strides, or the batch the devices.
    """

    def __init__(
        self,
        folder: ModelFolder,
        fe: FrontEnd,
        train: Mixer,
        test: Mixer,
        settings: Settings,
        workers: Workers | None = None,
    ) -> None:
        arch_text.check_fits(folder.arch, fe)
        stride = folder.arch.stride
        if settings.timesteps < 1 or settings.timesteps % stride:
            raise UserError(
                f"--timesteps={settings.timesteps} must be a multiple of the network's strides, {stride}"
            )
        self.workers = workers or Workers()
        if settings.batch_size % self.workers.devices:
            raise UserError(
                f"--batchsize={settings.batch_size} must be a multiple of {self.workers.devices}, the devices that "
                "share it"
            )
        sounds = [(m.seed, m.settings, [clip.frames for clip in m.sounds.clips]) for m in (train, test)]
        self.workers.agree(
            (folder.arch, fe, settings, sounds), "another network, other settings or other lists"
        )
        self.folder, self.fe, self.mixers, self.settings = folder, fe, (train, test), settings
        steps.make_deterministic()
        self.model = build(folder.arch, settings.seed)
        self.chunks = max(1, round(SEQUENCE_SECONDS * fe.rate / fe.hop / settings.timesteps))
        self.seconds = self.chunks * settings.timesteps * fe.hop / fe.rate
        self.epoch = 0
        self.history: list[dict[str, Any]] = []
        schedule = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, settings.epochs * settings.batches * self.chunks, alpha=LAST_RATE
        )
        self.optimizer = keras.optimizers.Adam(
            schedule, global_clipnorm=CLIP_NORM, use_ema=bool(settings.ema), ema_momentum=settings.ema
        )
        zeros = self.model.zero_state(settings.batch_size // self.workers.count)
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
                f"{self.folder.path}: holds {len(known)} trained epochs; go on with --epoch_loaded=latest, "
                "or give --overwrite to delete them and start anew"
            )
        normalisation = normalise(self.fe, self.mixers[0])
        if self.workers.first:
            self.folder.start(self.fe, normalisation, {**provenance, "loss": str(self.settings.loss)})
            _, normalisation = self.folder.frontend()  # whose numbers are rounded
        normalisation = Normalisation(*self.workers.share((normalisation.mean, normalisation.std)))
        self._compile(normalisation)

    def resume(self, epoch_loaded: str, overwrite: bool, change_loss: bool = False) -> None:
        """Go on from an epoch in the folder, which all workers must see.

        Raises
        ------
        UserError
            There is none, it was trained with another network or front end, with another loss and `change_loss` is not
            given, or later ones would be lost and `overwrite` is not given.
        """
        epoch = self.folder.find(epoch_loaded)
        self.folder.check()
        self.workers.agree(epoch, f"in {self.folder.path} another last epoch ({epoch})")
        trained_with, normalisation = self.folder.frontend()
        for field in fields(FrontEnd):
            old, new = (getattr(fe, field.name) for fe in (trained_with, self.fe))
            if old != new:
                raise UserError(
                    f"{self.folder.path}: was trained with {field.name} {old}, not {new}; give --{field.name}={old}"
                )
        old_loss = self.folder.loss(epoch)
        if old_loss != str(self.settings.loss) and not change_loss:
            raise UserError(
                f"{self.folder.path}: was trained with --loss='{old_loss}'; leave --loss out to go on with it, or give "
                "--change_loss as well"
            )
        if epoch != self.folder.epochs()[-1] and not overwrite:
            raise UserError(
                f"{self.folder.path}: holds epochs after {epoch}; go on with --epoch_loaded=latest, or give "
                "--overwrite to delete them"
            )
        self._compile(normalisation)
        self.folder.load_weights(self.model, epoch)
        if not self.folder.load_optimizer(self.optimizer, self.model, epoch):
            if self.workers.first:
                print(f"epoch {epoch}: its optimiser state is not kept; Adam starts with fresh averages")
            self.optimizer.iterations.assign(epoch * self.settings.batches * self.chunks)
            if self.settings.ema:
                # Keras begins the averages at the first update, which this no longer is.
                for average, weights in zip(
                    self.optimizer._model_variables_moving_average,
                    self.model.trainable_variables,
                    strict=True,
                ):
                    average.assign(weights)
        self.workers.agree(epoch, "another last epoch")  # so that none is deleted before all have read it
        if self.workers.first:
            self.folder.drop_after(epoch)
        self.epoch, self.history = epoch, self.folder.history(epoch)

    def _compile(self, normalisation: Normalisation) -> None:
        s = self.settings
        objective = Objective(self.model, self.fe, normalisation, s.quantized, s.loss)

        def with_dropout(noisy: Any, clean: Any, valid: Any, level: Any, state: Any) -> tuple[Any, Any]:
            loss, (_, state) = objective(noisy, clean, valid, level, state, self.dropout)
            return loss, state

        self._update = steps.train_step(with_dropout, self.model, self.optimizer, [self.dropout.state])
        judge = Objective(self.model, self.fe, normalisation, s.quantized, s.judge or s.loss)
        self._measure = steps.compiled(judge, self.model)

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
            loss, waited = self._train_epoch()
            with self._averages() as unaveraged:
                val_loss, gain = self._validate(validation)
                seconds = time.monotonic() - started
                row = {
                    "epoch": self.epoch,
                    "loss": loss,
                    "val_loss": val_loss,
                    "val_si_sdr_gain_db": gain,
                    "learning_rate": float(ops.convert_to_numpy(self.optimizer.learning_rate)),
                    "quantized": self.settings.quantized,
                    "objective": str(self.settings.loss),
                    "seconds": round(seconds, 1),
                    "waited": round(waited, 1),
                }
                self.history.append(row)
                if first:
                    self.folder.save(self.epoch, self.model, self.optimizer, self.history, unaveraged)
            if log:
                for name in ("loss", "val_loss", "val_si_sdr_gain_db", "learning_rate"):
                    log.add_scalar(name, row[name], self.epoch)
                log.flush()
                print(
                    f"epoch {self.epoch}: loss {loss:.5f}, unseen {val_loss:.5f}, SI-SDR {gain:+.2f} dB, "
                    f"{seconds:.0f} s, {waited / seconds:.0%} of it waiting for mixtures",
                    flush=True,
                )
            if after_epoch:
                after_epoch(row)
        if log:
            log.close()
            if self._exhausted():
                print(f"no better for {self.settings.patience} epochs: stopped early")

    def best(self) -> int:
        """The epoch of least validation loss, among those trained like the last one."""
        alike = [row for row in self.history if _manner(row) == _manner(self.history[-1])]
        return int(min(alike, key=lambda row: row["val_loss"])["epoch"])

    def _exhausted(self) -> bool:
        s = self.settings
        if not self.history or _manner(self.history[-1]) != (s.quantized, str(s.loss)):
            return False
        return 0 < s.patience <= self.epoch - self.best()

    @contextmanager
    def _averages(self) -> Iterator[list[Floats]]:
        """Meanwhile the averages are the weights, which are given; without averages nothing is."""
        if not self.settings.ema:
            yield []
            return
        trained = self.model.trainable_variables
        weights = [ops.convert_to_numpy(variable) for variable in trained]
        self.optimizer.finalize_variable_values(trained)
        yield weights
        for variable, value in zip(trained, weights, strict=True):
            variable.assign(value)

    def _prefetch(self, mixer: Mixer, epoch: int, batches: int) -> Any:
        s, w = self.settings, self.workers
        return prefetch(
            mixer,
            epoch,
            range(batches),
            s.batch_size,
            self.seconds,
            s.threads,
            worker=w.index,
            workers=w.count,
        )

    def _train_epoch(self) -> tuple[float, float]:
        """Mean loss, and the seconds that it waited for mixtures."""
        s = self.settings
        self.dropout.state.assign(np.array([s.seed, self.epoch], dtype="uint32"))
        mixed = self._prefetch(self.mixers[0], self.epoch, s.batches)
        total = waited = 0.0
        bar = tqdm(
            mixed,
            total=s.batches,
            desc=f"epoch {self.epoch}/{s.epochs}",
            unit="batch",
            leave=False,
            disable=not self.workers.first,
        )
        asked = time.monotonic()
        for number, made in enumerate(bar, start=1):
            waited += time.monotonic() - asked
            state, chunk_losses = self._silence, []
            for chunk in Batch.of(self.fe, made).chunks(self.fe, s.timesteps, self.workers.tensor):
                loss, state = self._update(*chunk, state)
                chunk_losses.append(loss)
            total += float(np.mean([float(loss) for loss in chunk_losses]))
            if not math.isfinite(total):
                raise UserError(
                    f"epoch {self.epoch}, batch {number}: the loss is not a number; go on from an "
                    f"earlier epoch with a --learning_rate below {s.learning_rate:g}"
                )
            bar.set_postfix(loss=f"{total / number:.5f}")
            asked = time.monotonic()
        return total / s.batches, waited

    def _validation_batches(self) -> list[tuple[Batch, Floats, NDArray[np.float64]]]:
        made = self._prefetch(self.mixers[1], 0, self.settings.validation_batches)
        result = []
        for noisy, clean, valid in made:
            before = [metrics.si_sdr(c, n) for n, c in zip(noisy, clean, strict=True)]
            result.append((Batch.of(self.fe, (noisy, clean, valid)), clean, np.array(before)))
        return result

    def _validate(self, batches: list[tuple[Batch, Floats, NDArray[np.float64]]]) -> tuple[float, float]:
        """Loss and mean gain of SI-SDR in dB over the validation set."""
        chunk_losses, gains = [], []
        for batch, clean, before in batches:
            state, gains_of = self._silence, []
            for chunk in batch.chunks(self.fe, self.settings.timesteps, self.workers.tensor):
                loss, (gain, state) = self._measure(*chunk, state)
                chunk_losses.append(float(loss))
                gains_of.append(self.workers.own(gain))
            for row in np.flatnonzero(before < TRIVIAL_DB):
                re, im = frontend.analyse(self.fe, batch.noisy[row])
                gain = np.concatenate([part[row] for part in gains_of])
                enhanced = frontend.synthesise(self.fe, re * gain, im * gain).astype(np.float32)
                enhanced = enhanced[self.fe.history :]
                gains.append(metrics.si_sdr(clean[row, : len(enhanced)], enhanced) - before[row])
        return float(np.mean(chunk_losses)), self.workers.mean(gains)


def _manner(row: dict[str, Any]) -> tuple[bool, str]:
    """How an epoch of a history was trained; its losses compare with those of the same manner."""
    return row["quantized"], row.get("objective", FIRST_LOSS)
