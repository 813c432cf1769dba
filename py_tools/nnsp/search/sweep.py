# SPDX-License-Identifier: BSD-3-Clause
"""A search over networks and settings: a text of ranges, trials under a budget, workers that share a study."""

import csv
import fcntl
import json
import os
import platform
import random
import re
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import keras
import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from nnsp.data.mixing import Mixer
from nnsp.errors import UserError
from nnsp.files import written
from nnsp.network import arch as arch_text
from nnsp.network.arch import Arch
from nnsp.network.sizes import table_bytes
from nnsp.network.streaming import build
from nnsp.signal.frontend import FrontEnd
from nnsp.tasks.enhancement import SpeechEnhancement
from nnsp.training import losses, settings
from nnsp.training.folder import ModelFolder
from nnsp.training.settings import FEATURES, LOSS, MASK_FLOOR, Settings
from nnsp.training.trainer import Trainer

HEARTBEAT_SECONDS = 30
GRACE_SECONDS = 120  # a worker that is silent for so long is dead, and its trial done again
RETRIES = 2
SQLITE = "sqlite:///"
LOCKED_SECONDS = 60  # that a write waits while another worker writes; SQLite's own 5 are short on a busy disk
ATTEMPTS = 10  # to open a database that makes no way for one worker at a time
STARTUP_TRIALS = 5  # that are trained to the end before any is pruned
FUTILE_DRAWS = 200  # over the budget in a row: it leaves nothing

SETTINGS = {
    setting.flag: setting for setting in (*settings.SETTINGS, FEATURES, MASK_FLOOR, LOSS) if setting.flag
}
"""What a sweep may set, by the names of train_se's flags."""

BUDGETS = ("parameters", "table_bytes", "macs_per_frame")
TABLES = ("space", "train", "budget")
PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Sweep:
    """What is searched.

    Parameters
    ----------
    path : Path
        TOML with the tables space, train and budget.
    space : dict
        Name to a list of choices, or to low, high and perhaps step or log.
    train, budget : dict
    template : str
        Text of the network, with {names} of the space.
    nn_arch : Path
        Where that is.
    """

    path: Path
    space: dict[str, Any]
    train: dict[str, Any]
    budget: dict[str, float]
    template: str
    nn_arch: Path

    def make(self, values: dict[str, Any]) -> tuple[str, Arch, FrontEnd, SpeechEnhancement, Settings]:
        """Text, network, front end, task and settings of a trial.

        Raises
        ------
        UserError
            The text of the network or a setting is wrong with these values.
        """

        def fill(text: str) -> str:
            return PLACE.sub(lambda found: _plain(values[found[1]]), text)

        chosen = {**self.train, **values}
        text = fill(self.template)
        arch = arch_text.parse(text, str(self.nn_arch))
        of_frontend = [setting.name for setting in (FEATURES, MASK_FLOOR) if setting.name in chosen]
        fe = FrontEnd(**{name: chosen[name] for name in of_frontend})
        loss = losses.parse(fill(str(chosen.get("loss", LOSS.default))), f"{self.path}: loss")
        task = SpeechEnhancement(distance=loss)
        task.check(arch, fe)
        given: dict[str, Any] = {}
        for setting in settings.SETTINGS:
            if setting.flag in chosen:
                value = chosen[setting.flag]
                given[setting.name] = setting.kind(fill(value) if isinstance(value, str) else value)
                if setting.parse:
                    setting.parse(given[setting.name], f"{self.path}: {setting.flag}")
        return text, arch, fe, task, Settings(**given)

    def draw(self, trial: optuna.Trial) -> dict[str, Any]:
        """Draw the values of a trial; none for a place in a text that was not chosen."""
        chosen = [name for name in self.space if name in SETTINGS]
        values = {name: _suggest(trial, name, self.space[name]) for name in chosen}
        places = PLACE.findall(" ".join(map(str, [self.template, *{**self.train, **values}.values()])))
        others = [name for name in self.space if name not in values and name in places]
        return values | {name: _suggest(trial, name, self.space[name]) for name in others}

    def over(self, sizes: dict[str, int]) -> str:
        """Say what is over the budget; nothing if none is."""
        return ", ".join(
            f"{name} {sizes[name]} > {limit:g}" for name, limit in self.budget.items() if sizes[name] > limit
        )


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _suggest(trial: optuna.Trial, name: str, spec: Any) -> Any:
    if isinstance(spec, list):
        return trial.suggest_categorical(name, spec)
    if isinstance(spec["low"], int) and isinstance(spec["high"], int):
        return trial.suggest_int(name, **spec)
    return trial.suggest_float(name, **spec)


def read(path: Path | str, nn_arch: Path | str) -> Sweep:
    """Read and check a search.

    Raises
    ------
    UserError
        With file and line: no TOML, unknown names, ranges that are none, places without a range, or a network that is
        none with the first values.
    """
    texts = []
    for file in (Path(path), Path(nn_arch)):
        try:
            texts.append(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file}: cannot be read ({error}); give a text file") from None
    return _Reader(Path(path), texts[0], Path(nn_arch), texts[1]).read()


class _Reader:
    def __init__(self, path: Path, text: str, nn_arch: Path, template: str) -> None:
        self.path, self.text, self.nn_arch, self.template = path, text, nn_arch, template

    def fail(self, table: str, key: str, message: str) -> NoReturn:
        """Name the line of a key of a table."""
        current, line = "", 1
        for number, content in enumerate(self.text.splitlines(), start=1):
            words = content.split("#")[0].strip()
            if found := re.fullmatch(r"\[\s*(\w+)\s*\]", words):
                current = found[1]
                if current == table:
                    line = number
            elif current == table and re.match(rf"[\"']?{re.escape(key)}[\"']?\s*[.=]", words):
                line = number
                break
        raise UserError(f"{self.path}:{line}: {message}")

    def read(self) -> Sweep:
        try:
            form = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{self.path}: is no TOML: {error}") from None
        for name, table in form.items():
            if name not in TABLES or not isinstance(table, dict):
                raise UserError(f"{self.path}: unknown {name!r}; expected the tables {', '.join(TABLES)}")
        space, train, budget = (form.get(name, {}) for name in TABLES)
        if not space:
            raise UserError(f"{self.path}: has no [space]; write there what is to be searched")
        for name, value in train.items():
            self._check_value("train", name, value)
        for name, value in budget.items():
            if name not in BUDGETS:
                self.fail("budget", name, f"unknown budget '{name}'; known are {', '.join(BUDGETS)}")
            if not isinstance(value, int | float) or not value > 0:
                self.fail("budget", name, f"{name} is {value!r}; expected a number above 0")
        texts = {f"{self.nn_arch}:{n}": line for n, line in enumerate(self.template.splitlines(), start=1)}
        for name, spec in space.items():
            if name in train:
                self.fail("space", name, f"{name} stands in [train] too; keep one of them")
            self._check_range(name, spec)
        for name in SETTINGS:
            options = space.get(name, [train[name]] if name in train else [])
            texts |= {f"{self.path}: {name} {text}": text for text in options if isinstance(text, str)}
        places = {place: where for where, text in texts.items() for place in PLACE.findall(text)}
        for place, where in places.items():
            if place not in space:
                raise UserError(f"{where}: {{{place}}} has no range in [space] of {self.path}")
        for name in space:
            if name not in places and name not in SETTINGS:
                known = ", ".join(SETTINGS)
                self.fail(
                    "space", name, f"'{name}' is no setting ({known}), and {{{name}}} stands in no text"
                )
        sweep = Sweep(self.path, space, train, budget, self.template, self.nn_arch)
        for end in (0, -1):
            sweep.make({name: _end(spec, end) for name, spec in space.items()})
        return sweep

    def _check_value(self, table: str, name: str, value: Any) -> None:
        setting = SETTINGS.get(name)
        if setting is None:
            self.fail(table, name, f"unknown setting '{name}'; known are {', '.join(SETTINGS)}")
        kind = int if setting.kind is bool else setting.kind
        good = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not good or isinstance(value, bool):
            self.fail(
                table, name, f"{name} is {value!r}; expected {'a text' if kind is str else kind.__name__}"
            )
        problem = setting.problem(value)
        if problem:
            self.fail(table, name, f"{name} is {value!r}; it {problem}")

    def _check_range(self, name: str, spec: Any) -> None:
        if isinstance(spec, list):
            if not spec or any(type(value) not in (int, float, str) for value in spec):
                self.fail("space", name, f"{name}: expected one or more numbers or texts in [ ]")
            ends = spec
        elif isinstance(spec, dict):
            numbers = [spec.get(key) for key in ("low", "high", *(["step"] if "step" in spec else []))]
            if set(spec) - {"low", "high", "step", "log"} or any(
                type(v) not in (int, float) for v in numbers
            ):
                self.fail("space", name, f"{name}: expected {{ low = …, high = … }}, and perhaps step or log")
            ends = [spec["low"], spec["high"]]
            log = spec.get("log", False)
            if not ends[0] < ends[1] or not spec.get("step", 1) > 0:
                self.fail("space", name, f"{name}: low must be below high, and step above 0")
            if log not in (False, True) or (log and (ends[0] <= 0 or "step" in spec)):
                self.fail("space", name, f"{name}: log = true wants low above 0 and no step")
        else:
            self.fail("space", name, f"{name}: expected [choices] or {{ low = …, high = … }}")
        if name in SETTINGS:
            for value in ends:
                self._check_value("space", name, value)


def _end(spec: Any, end: int) -> Any:
    return spec[end] if isinstance(spec, list) else (spec["low"], spec["high"])[end]


@contextmanager
def _alone_with(storage: str) -> Iterator[None]:
    """Hold other workers off a database in a file.

    Optuna lists the tables, creates the missing ones, and fails if another worker has created them meanwhile. Two
    workers that start together can collide at one table after another, however often each retries.
    """
    if not storage.startswith(SQLITE):
        yield
        return
    path = Path(storage.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _opened(storage: str) -> optuna.storages.RDBStorage:
    in_file = storage.startswith(SQLITE)
    left = 1 if in_file else ATTEMPTS
    while True:
        left -= 1
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return optuna.storages.RDBStorage(
                    storage,
                    engine_kwargs={"connect_args": {"timeout": LOCKED_SECONDS}} if in_file else None,
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=GRACE_SECONDS,
                    heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(RETRIES),
                )
        except (SQLAlchemyError, ImportError, ValueError, RuntimeError) as error:
            if isinstance(error, IntegrityError | OperationalError) and left:
                time.sleep(random.random())
                continue
            reason = str(error).splitlines()[0]
            raise UserError(
                f"`storage={storage}`: cannot be opened ({reason}); give the URL of a database"
            ) from None


def open_study(
    storage: str, name: str, sweep: Sweep, judge: str, lists: tuple[str, str], seed: int | None = None
) -> optuna.Study:
    """The study of that name in a database, new or known.

    Raises
    ------
    UserError
        The database cannot be opened, or the study searches something else.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    epochs = int(sweep.train.get("num_epoch", Settings.epochs))
    with _alone_with(storage):
        study = optuna.create_study(
            storage=_opened(storage),
            study_name=name,
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed, constant_liar=True),
            pruner=optuna.pruners.MedianPruner(STARTUP_TRIALS, n_warmup_steps=epochs // 4),
        )
    what = json.dumps([sweep.space, sweep.train, sweep.budget, sweep.template, judge, lists], sort_keys=True)
    if study.user_attrs.get("what", what) != what:
        raise UserError(
            f"study '{name}' in {storage} searches with another space, network, judge or lists; give `study=NAME`"
        )
    study.set_user_attr("what", what)
    return study


def trained(study: optuna.Study) -> int:
    """Trials that were or are being trained: within the budget, and not failed."""
    alive = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    return sum(trial.state in alive and "over_budget" not in trial.user_attrs for trial in study.trials)


def search(
    study: optuna.Study,
    sweep: Sweep,
    judge: losses.Loss,
    mixers: tuple[Mixer, Mixer],
    root: Path,
    trials: int,
    provenance: dict[str, Any],
) -> None:
    """Run trials, beside other workers of the study, until so many are trained.

    Parameters
    ----------
    study : Study
    sweep : Sweep
    judge : Loss
        Of the unseen mixtures: the value of an epoch; a trial's is that of its best one.
    mixers : (Mixer, Mixer)
        Training and unseen.
    root : path
        Of the trials' folders.
    trials : int
        Of all workers together. Workers that begin a last trial at the same moment may exceed it.
    provenance : dict
        For each folder's frontend.json.

    Raises
    ------
    UserError
        The budget leaves nothing.
    """

    def objective(trial: optuna.Trial) -> float:
        values = sweep.draw(trial)
        text, arch, fe, task, chosen = sweep.make(values)
        sizes = {
            "parameters": arch.parameters,
            "table_bytes": table_bytes(arch, fe),
            "macs_per_frame": arch.macs_per_frame,
        }
        for name, size in sizes.items():
            trial.set_user_attr(name, size)
        over = sweep.over(sizes)
        if over:
            trial.set_user_attr("over_budget", over)
            raise optuna.TrialPruned(over)
        folder = root / f"trial_{trial.number:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        with written(folder / sweep.nn_arch.name) as part:
            part.write_text(text, encoding="utf-8")
        trial.set_user_attr("folder", str(folder))
        trial.set_user_attr("worker", f"{platform.node()}:{os.getpid()}")
        print(
            f"trial {trial.number}: " + ", ".join(f"{k}={_plain(v)}" for k, v in values.items()), flush=True
        )

        def after_epoch(row: dict[str, Any]) -> None:
            trial.report(row["val_loss"], row["epoch"])
            trial.set_user_attr("epochs", row["epoch"])
            if trial.should_prune():
                raise optuna.TrialPruned

        started = time.monotonic()
        try:
            network = build(arch, chosen.seed)
            judged = replace(task, judge=judge)
            trainer = Trainer(ModelFolder(folder, arch.name), network, fe, judged, *mixers, chosen)
            trainer.begin({**provenance, "trial": trial.number, "values": values}, overwrite=True)
            try:
                trainer.run(after_epoch)
            finally:
                if trainer.history:
                    best = trainer.history[trainer.best() - 1]
                    trial.set_user_attr("best_epoch", best["epoch"])
                    trial.set_user_attr("si_sdr_gain_db", best["val_si_sdr_gain_db"])
        except UserError as error:
            trial.set_user_attr("error", str(error))
            print(f"trial {trial.number} failed: {error}", flush=True)
            raise
        except KeyboardInterrupt:
            study.enqueue_trial(values)
            raise
        finally:
            trial.set_user_attr("seconds", round(time.monotonic() - started, 1))
            keras.utils.clear_session()
        return float(best["val_loss"])

    def stop(study: optuna.Study, _: FrozenTrial) -> None:
        latest = study.trials[-FUTILE_DRAWS:]
        if len(latest) == FUTILE_DRAWS and all("over_budget" in trial.user_attrs for trial in latest):
            raise UserError(
                f"{sweep.path}: {FUTILE_DRAWS} draws in a row are over the budget; widen one of the two"
            )
        if trained(study) >= trials:
            study.stop()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    if trained(study) < trials:
        study.optimize(objective, callbacks=[stop], catch=(UserError,))


COLUMNS: dict[str, Callable[[FrozenTrial], Any]] = {
    "trial": lambda trial: trial.number,
    "state": lambda trial: "over budget" if "over_budget" in trial.user_attrs else trial.state.name.lower(),
    "value": lambda trial: value(trial),
    **{
        name: lambda trial, name=name: trial.user_attrs.get(name, "")  # type: ignore[misc]
        for name in ("si_sdr_gain_db", "best_epoch", "epochs", "seconds", *BUDGETS)
    },
}


def value(trial: FrozenTrial) -> float | str:
    """The least reported value; nothing for a trial that has none."""
    return min(trial.intermediate_values.values(), default="")


def table(study: optuna.Study, best: int = 10) -> str:
    """The best trials, and how many there are of each kind."""
    ranked = sorted((t for t in study.trials if t.intermediate_values), key=value)[:best]
    rows = [[*COLUMNS, "values"]]
    for trial in ranked:
        cells = [column(trial) for column in COLUMNS.values()]
        values = " ".join(f"{name}={_plain(v)}" for name, v in trial.params.items())
        rows.append([*(f"{cell:.5g}" if isinstance(cell, float) else str(cell) for cell in cells), values])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)] + [0]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    kinds = [COLUMNS["state"](trial) for trial in study.trials]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return "\n".join([*lines, f"{len(kinds)} trials: {counts}"])


def write_csv(path: Path, study: optuna.Study) -> None:
    """A row per trial, also of those over the budget."""
    names = list(dict.fromkeys(name for trial in study.trials for name in trial.params))
    with written(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *names, "folder"])
        for trial in study.trials:
            cells = [column(trial) for column in COLUMNS.values()]
            values = [trial.params.get(name, "") for name in names]
            writer.writerow([*cells, *values, trial.user_attrs.get("folder", "")])


def plot(path: Path, study: optuna.Study) -> None:
    """Picture of every trial's value, and of the best so far."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="trial", ylabel="loss on unseen speakers and noise")
    shown = [trial for trial in study.trials if trial.intermediate_values]
    for state, mark in ((TrialState.COMPLETE, "o"), (TrialState.PRUNED, "x"), (TrialState.FAIL, "+")):
        of = [trial for trial in shown if trial.state == state]
        if of:
            axes.plot([t.number for t in of], [value(t) for t in of], mark, label=state.name.lower())
    least, steps = float("inf"), []
    for trial in shown:
        least = min(least, float(value(trial)))
        steps.append(least)
    axes.step([t.number for t in shown], steps, where="post", label="best so far")
    axes.grid(alpha=0.3)
    axes.legend()
    with written(path) as part:
        figure.savefig(part, format="png", dpi=120)
