"""Train a speech enhancement network: train_se.py --nn_arch=nn_arch/def_se_nn_arch72_mel.txt."""

import argparse
import os
import sys

from nnsp import cli
from nnsp.errors import UserError
from nnsp.network import arch as arch_text
from nnsp.signal.frontend import FEAT_TYPES, FrontEnd


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--nn_arch", required=True, metavar="TXT", help="text of the network, one of nn_arch/ or your own")
    add("--feat_type", choices=FEAT_TYPES, default="mel", help="features (default %(default)s)")
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
    for name in ("num_epoch", "batchsize", "timesteps", "batches"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name}={getattr(args, name)} must be 1 or more")
    if not 0 < args.learning_rate < 1:
        raise UserError(f"--learning_rate={args.learning_rate} must lie between 0 and 1")
    if bool(args.train_list) != bool(args.test_list):
        raise UserError("--train_list and --test_list go together: data_se.py makes both")
    arch = arch_text.load(args.nn_arch)
    fe = FrontEnd(feat_type=args.feat_type)

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from nnsp.data import synthesis
    from nnsp.data.mixing import Mixer
    from nnsp.integer import tables
    from nnsp.network import training
    from nnsp.network.folder import ModelFolder

    arch_text.check_fits(arch, fe)
    sizes = {
        "table_bytes": tables.table_bytes(arch, fe),
        "state_bytes": tables.enhancer_state_bytes(arch, fe),
    }
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
    )
    if not args.train_list:
        print("no --train_list: training on speech and noise of the built-in generator")
        args.train_list, args.test_list = synthesis.make_lists("build/datasets/synthetic")
    train = Mixer.open(args.train_list, args.seed)
    test = Mixer.open(args.test_list, 0)
    folder = ModelFolder(args.models_dir, arch)
    trainer = training.Trainer(folder, fe, train, test, settings)
    if args.epoch_loaded == "random":
        trainer.begin({"command": " ".join(sys.argv), "train_list": str(args.train_list)}, args.overwrite)
    else:
        trainer.resume(args.epoch_loaded, args.overwrite)
    trainer.run()
    print(f"best epoch: {trainer.best()}, in {folder.path}")


if __name__ == "__main__":
    cli.run(main, "stopped; finished epochs are kept, go on with --epoch_loaded=latest")
