"""Train a speech enhancement network: train_se.py --nn_arch=nn_arch/def_se_bands.txt."""

import argparse
import os
import re
import sys
from dataclasses import replace

from nnsp import cli
from nnsp.errors import UserError
from nnsp.network import arch as arch_text
from nnsp.network.workers import Watch, Workers
from nnsp.signal.frontend import FEAT_TYPES, FrontEnd


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--nn_arch", required=True, metavar="TXT", help="text of the network, one of nn_arch/ or your own")
    add("--feat_type", choices=FEAT_TYPES, help="features (default mel, or what the epoch loaded has)")
    add(
        "--mask_floor",
        type=float,
        help=f"least gain (default {FrontEnd.mask_floor}, or what the epoch loaded has)",
    )
    add("--train_list", metavar="CSV", help="list made by data_se.py (default: synthetic sounds)")
    add("--test_list", metavar="CSV", help="list of unseen speakers and noise, for validation")
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
    add(
        "--loss",
        metavar="SUM",
        help="as compressed or 0.7*compressed(c=0.3,a=0.3)+0.3*si_sdr; docs/training.md has them all "
        "(default compressed, or what the epoch loaded was trained with)",
    )
    add("--change_loss", action="store_true", help="go on with another loss than before")
    add("--num_epoch", type=int, default=100, help="last epoch, counted from the first (default %(default)s)")
    add("--batchsize", type=int, default=64, help="sequences side by side (default %(default)s)")
    add("--timesteps", type=int, default=100, help="frames per update of the weights (default %(default)s)")
    add("--batches", type=int, default=100, help="batches of 10 s sequences per epoch (default %(default)s)")
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
    add("--threads", type=int, default=2, help="that make mixtures (default %(default)s)")
    add(
        "--workers",
        type=int,
        default=1,
        help="processes that train together, under JAX (default %(default)s)",
    )
    add("--worker", type=int, default=0, metavar="I", help="which of them this is, from 0")
    add("--coordinator", metavar="HOST:PORT", help="of worker 0, where all meet")
    add("--seed", type=int, default=0, help="of weights, mixtures and dropout (default %(default)s)")
    add(
        "--models_dir",
        default="models_trained",
        metavar="DIR",
        help="parent of the folder (default %(default)s)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse()
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
    if bool(args.train_list) != bool(args.test_list):
        raise UserError("--train_list and --test_list go together: data_se.py makes both")
    if args.workers > 1 and not args.train_list:
        raise UserError("--workers above 1 wants --train_list and --test_list, the same for all workers")
    if args.mask_floor is not None and not 0 <= args.mask_floor <= 0.5:
        raise UserError(f"--mask_floor={args.mask_floor} must lie from 0 to 0.5")
    arch = arch_text.load(args.nn_arch)
    watch = None
    if args.workers > 1:
        os.environ.setdefault("KERAS_BACKEND", "jax")
        watch = Watch("train_se", args.workers, args.worker, args.coordinator)

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from nnsp.data import synthesis
    from nnsp.data.mixing import Mixer
    from nnsp.integer import tables
    from nnsp.network import losses, steps, training
    from nnsp.network.folder import ModelFolder

    folder = ModelFolder(args.models_dir, arch)
    fe, loss = FrontEnd(), losses.DEFAULT
    if args.epoch_loaded != "random":
        loss = folder.loss(folder.find(args.epoch_loaded))
        fe, _ = folder.frontend()
    given = {"feat_type": args.feat_type, "mask_floor": args.mask_floor}
    fe = replace(fe, **{name: value for name, value in given.items() if value is not None})
    arch_text.check_fits(arch, fe)
    sizes = {
        "table_bytes": tables.table_bytes(arch, fe),
        "state_bytes": tables.enhancer_state_bytes(arch, fe),
    }
    if args.worker == 0:
        print(arch_text.summary(arch, **sizes))
    settings = training.Settings(
        batch_size=args.batchsize,
        timesteps=args.timesteps,
        batches=args.batches,
        epochs=args.num_epoch,
        learning_rate=args.learning_rate,
        quantized=bool(args.quantized),
        patience=args.patience,
        seed=args.seed,
        loss=losses.parse(args.loss or loss),
        ema=args.ema,
        threads=args.threads,
    )
    if not args.train_list:
        print("no --train_list: training on speech and noise of the built-in generator")
        args.train_list, args.test_list = synthesis.make_lists("build/datasets/synthetic")
    train = Mixer.open(args.train_list, args.seed)
    test = Mixer.open(args.test_list, 0)
    with Workers.join(args.workers, args.worker, args.coordinator) as workers:
        if watch:
            watch.met()
        if workers.first:
            print(f"trains with {steps.device()}")
        trainer = training.Trainer(folder, fe, train, test, settings, workers)
        if args.epoch_loaded == "random":
            command = {"command": " ".join(sys.argv), "train_list": str(args.train_list)}
            trainer.begin(command, args.overwrite)
        else:
            trainer.resume(args.epoch_loaded, args.overwrite, args.change_loss)
        trainer.run()
    if workers.first:
        print(f"best epoch: {trainer.best()}, in {folder.path}")


if __name__ == "__main__":
    cli.run(main, "stopped; finished epochs are kept, go on with --epoch_loaded=latest")
