"""What the tools that train have in common: flags, their ranges, and the way from them to a trained folder."""

import argparse
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nnsp import places
from nnsp.errors import UserError
from nnsp.network import arch as arch_text
from nnsp.signal import FEAT_TYPES
from nnsp.signal.frontend import FrontEnd
from nnsp.training.workers import Watch, Workers

if TYPE_CHECKING:
    from nnsp.data.source import Source
    from nnsp.training.folder import ModelFolder
    from nnsp.training.settings import Settings
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
    add(
        "--feat_type", choices=FEAT_TYPES, help="features (default: the task's, or what the epoch loaded has)"
    )
    add(
        "--epoch_loaded",
        default="random",
        metavar="random|latest|N",
        help="start, or go on from an epoch",
    )
    add("--overwrite", action="store_true", help="delete trained epochs that would be in the way")
    add(
        "--quantized",
        type=int,
        choices=(0, 1),
        default=0,
        help="1: train with the integers of the tables",
    )
    add("--num_epoch", type=int, default=100, help="last epoch, counted from the first (default %(default)s)")
    add("--batchsize", type=int, default=64, help="sequences side by side (default %(default)s)")
    add("--timesteps", type=int, default=100, help="frames per update of the weights (default %(default)s)")
    add("--batches", type=int, default=100, help="batches of sequences per epoch (default %(default)s)")
    add("--learning_rate", type=float, default=1e-3, help="of the first update (default %(default)s)")
    add(
        "--patience",
        type=int,
        default=20,
        help="stop after so many epochs without a better one, 0: never",
    )
    add(
        "--ema",
        type=float,
        default=0,
        metavar="SHARE",
        help="keep averages of the weights, of which each update leaves this share, as 0.999 (default 0: none)",
    )
    add("--threads", type=int, default=2, help="that make the data (default %(default)s)")
    add(
        "--workers",
        type=int,
        default=1,
        help="processes that train together, under JAX (default %(default)s)",
    )
    add("--worker", type=int, default=0, metavar="I", help="which of them this is, from 0")
    add("--coordinator", metavar="HOST:PORT", help="of worker 0, where all meet")
    add("--seed", type=int, default=0, help="of weights, data and dropout (default %(default)s)")
    add(
        "--models_dir",
        default="models_trained",
        metavar="DIR",
        help="parent of the folder (default %(default)s)",
    )
    result.set_defaults(**{"validation_batches": 2, **defaults})
    return result


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
    for name in ("num_epoch", "batchsize", "timesteps", "batches", "threads", "workers"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name}={getattr(args, name)} must be 1 or more")
    if not 0 < args.learning_rate < 1:
        raise UserError(f"--learning_rate={args.learning_rate} must lie between 0 and 1")
    if not 0 <= args.ema < 1:
        raise UserError(f"--ema={args.ema} must lie from 0 to below 1")
    if not 0 <= args.worker < args.workers:
        raise UserError(f"--worker={args.worker} must lie from 0 to below --workers={args.workers}")
    if (args.workers > 1) != bool(re.fullmatch(r"\S+:\d+", args.coordinator or "")):
        raise UserError(
            "--workers above 1 and --coordinator=HOST:PORT go together: where worker 0 runs, and a port free there"
        )


def settings(args: argparse.Namespace) -> "Settings":
    """How to train."""
    from nnsp.training.settings import Settings

    return Settings(
        batch_size=args.batchsize,
        timesteps=args.timesteps,
        batches=args.batches,
        epochs=args.num_epoch,
        learning_rate=args.learning_rate,
        quantized=bool(args.quantized),
        patience=args.patience,
        validation_batches=args.validation_batches,
        seed=args.seed,
        ema=args.ema,
        threads=args.threads,
    )


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
        tool = os.path.splitext(os.path.basename(sys.argv[0]))[0]
        watch = Watch(tool, args.workers, args.worker, args.coordinator)

    from nnsp.network.sizes import table_bytes
    from nnsp.training import steps
    from nnsp.training.folder import ModelFolder
    from nnsp.training.trainer import Trainer

    folder = ModelFolder(args.models_dir, arch)
    task = make_task(folder)
    fe: FrontEnd = task.frontend()
    if args.epoch_loaded != "random":
        folder.find(args.epoch_loaded)
        fe, _ = folder.frontend()
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
        trainer = Trainer(folder, fe, task, *sources, settings(args), workers)
        if args.epoch_loaded == "random":
            command = {"command": " ".join(sys.argv), "train_list": str(args.train_list)}
            trainer.begin(command, args.overwrite)
        else:
            trainer.resume(args.epoch_loaded, args.overwrite, getattr(args, "change_loss", False))
        trainer.run()
    if workers.first:
        print(f"best epoch: {trainer.best()}, in {folder.path}")
