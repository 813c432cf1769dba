# SPDX-License-Identifier: BSD-3-Clause
"""What the tools that train have in common: flags, their ranges, and the way from them to a trained folder."""

import argparse
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnsp import places
from nnsp.commands.run import say
from nnsp.errors import UserError
from nnsp.network import arch as arch_text
from nnsp.signal.frontend import FrontEnd
from nnsp.training.settings import FEATURES, SETTINGS, Setting, Settings
from nnsp.training.workers import STARTED_OTHERWISE, Watch, Workers

if TYPE_CHECKING:
    from nnsp.data.source import Source
    from nnsp.training.folder import ModelFolder
    from nnsp.training.task import Task

NOTE = "stopped; finished epochs are kept, go on with --epoch_loaded=latest"


def parser(description: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """The flags; ``defaults`` by name take the place of the usual ones."""
    result = argparse.ArgumentParser(description=description)
    add = result.add_argument
    add(
        "--nn_arch",
        required=True,
        type=places.network,
        metavar="TXT",
        help="text of the network, one of nn_arch/ or your own",
    )
    add_setting(result, FEATURES)
    add(
        "--epoch_loaded",
        default="random",
        metavar="random|latest|N",
        help="start, or go on from an epoch",
    )
    add("--overwrite", action="store_true", help="delete trained epochs that would be in the way")
    for setting in SETTINGS:
        if setting.flag:
            add_setting(result, setting)
    add("--change_optimizer", action="store_true", help="go on with another optimizer, schedule or clip")
    add(
        "--workers",
        type=int,
        default=1,
        help="processes that train together, under JAX (default %(default)s)",
    )
    add("--worker", type=int, default=0, metavar="I", help="which of them this is, from 0")
    add("--coordinator", metavar="HOST:PORT", help="of worker 0, where all meet")
    add(
        "--models_dir",
        default="models_trained",
        metavar="DIR",
        help="parent of the folder (default %(default)s)",
    )
    result.set_defaults(**defaults)
    return result


def add_setting(result: argparse.ArgumentParser, setting: Setting) -> None:
    """Add the flag of a declared setting. Without it a kept setting is None: the default, or what the epoch has."""
    default = "%(default)s"
    if setting.kept:
        default = f"{setting.default}, or what the epoch loaded has"
    of_kind: dict[str, Any] = {"type": setting.kind, "choices": setting.choices or None}
    if setting.kind is bool:
        of_kind = {"type": int, "choices": (0, 1)}
    result.add_argument(
        f"--{setting.flag}",
        **of_kind,
        default=None if setting.kept else of_kind["type"](setting.default),
        metavar=setting.form or None,
        help=f"{setting.help} (default {default})",
    )


def add_lists(result: argparse.ArgumentParser, maker: str, without: str = "") -> None:
    """The flags of the lists that ``maker`` makes."""
    add = result.add_argument
    add("--train_list", metavar="CSV", required=not without, help=f"list made by {maker}{without}")
    add(
        "--test_list",
        metavar="CSV",
        required=not without,
        help="list of unseen speakers and noise, for validation",
    )


def check(args: argparse.Namespace) -> None:
    """Refuse what the flags of `parser` cannot be.

    Raises
    ------
    UserError
    """
    settings(args, {})
    if args.workers < 1:
        raise UserError(f"--workers={args.workers} must be 1 or more")
    if not 0 <= args.worker < args.workers:
        raise UserError(f"--worker={args.worker} must lie from 0 to below --workers={args.workers}")
    if (args.workers > 1) != bool(re.fullmatch(r"\S+:\d+", args.coordinator or "")):
        raise UserError(
            "--workers above 1 and --coordinator=HOST:PORT go together: where worker 0 runs, and a port free there"
        )


def settings(args: argparse.Namespace, kept: dict[str, Any]) -> Settings:
    """Make the settings that the flags give; ``kept`` are those of the epoch loaded, where nothing is said.

    Raises
    ------
    UserError
        One is out of its range.
    """
    given = {setting.name: getattr(args, setting.flag or setting.name, None) for setting in SETTINGS}
    said = {name: value for name, value in given.items() if value is not None}
    usual = {name: value for name, value in kept.items() if name in given}
    return Settings(**{**usual, **said, "quantized": bool(args.quantized)})


def trained_with(args: argparse.Namespace, folder: "ModelFolder") -> dict[str, Any]:
    """Return what the epoch loaded was trained with; nothing where training starts."""
    if args.epoch_loaded == "random":
        return {}
    return folder.trained_with(folder.find(args.epoch_loaded))


def train(
    args: argparse.Namespace,
    make_task: Callable[["ModelFolder"], "Task"],
    make_sources: Callable[["Task"], tuple["Source", "Source"]],
    **frontend: Any,
) -> None:
    """Train as the flags say.

    Parameters
    ----------
    args : Namespace
        Of `parser`, checked.
    make_task : callable
        Of the folder, whether it holds epochs or not.
    make_sources : callable
        Training and unseen, of the task.
    frontend : by name
        What the user said of the front end, or None.

    Raises
    ------
    UserError
    """
    arch = arch_text.load(args.nn_arch)
    watch = None
    if args.workers > 1:
        os.environ.setdefault("KERAS_BACKEND", "jax")
        watch = Watch(say, args.workers, args.worker, args.coordinator)

    from nnsp.network.sizes import table_bytes
    from nnsp.network.streaming import build
    from nnsp.training import steps
    from nnsp.training.folder import ModelFolder
    from nnsp.training.trainer import Trainer

    folder = ModelFolder(args.models_dir, arch.name)
    task = make_task(folder)
    fe: FrontEnd = task.frontend()
    if args.epoch_loaded != "random":
        folder.find(args.epoch_loaded)
        fe, _ = folder.frontend(arch.input_neurons)
    given = {"feat_type": args.feat_type, **frontend}
    fe = replace(fe, **{name: value for name, value in given.items() if value is not None})
    task.check(arch, fe)
    if args.worker == 0:
        sizes = {"table_bytes": table_bytes(arch, fe), "state_bytes": task.state_bytes(arch, fe)}
        print(arch_text.summary(arch, **sizes))
    sources = make_sources(task)
    with Workers.join(args.workers, args.worker, args.coordinator) as workers:
        if watch:
            watch.met()
        if workers.first:
            print(f"trains with {steps.device()}")
        made = settings(args, trained_with(args, folder))
        workers.agree((arch, made), STARTED_OTHERWISE)  # else JAX fails where first weights differ
        trainer = Trainer(folder, build(arch, made.seed), fe, task, *sources, made, workers)
        if args.epoch_loaded == "random":
            command = {"command": " ".join(sys.argv), "train_list": str(args.train_list)}
            trainer.begin(command, args.overwrite)
        else:
            change_loss = getattr(args, "change_loss", False)
            trainer.resume(args.epoch_loaded, args.overwrite, change_loss, args.change_optimizer)
        trainer.run()
    if workers.first:
        print(f"best epoch: {trainer.best()}, in {folder.path}")
