# SPDX-License-Identifier: BSD-3-Clause
"""Search networks and settings: sweep_se.py --sweep=sweep.toml --nn_arch=def_wide.txt, by one or many workers."""

import argparse
import sys
from pathlib import Path

from nnsp import places
from nnsp.errors import UserError
from nnsp.training.settings import LOSS, Settings

ON_INTERRUPT = "stopped; the trial is queued again, and the same command goes on"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--sweep",
        required=True,
        metavar="TOML",
        help="what is searched; docs/training.md says how it is written",
    )
    add(
        "--nn_arch",
        required=True,
        type=places.network,
        metavar="TXT",
        help="text of the network, with {names} of the search",
    )
    add("--train_list", required=True, metavar="CSV", help="list made by data_se.py")
    add("--test_list", required=True, metavar="CSV", help="list of unseen speakers and noise, which judges")
    add("--trials", type=int, default=20, help="to be trained by all workers together (default %(default)s)")
    add("--study", metavar="NAME", help="of the search in the database (default: name of the TOML)")
    add("--storage", metavar="URL", help="of a database that all workers reach (default: a file in --output)")
    add("--output", default="models_trained/sweeps", metavar="DIR", help="for trials (default %(default)s)")
    add(
        "--judge", default=LOSS.default, metavar="SUM", help="loss that compares trials (default %(default)s)"
    )
    add("--seed", type=int, help="of the search, for one worker alone (default: another each time)")
    return parser.parse_args()


def main() -> None:
    args = parse()
    if args.trials < 1:
        raise UserError(f"--trials={args.trials} must be 1 or more")
    from nnsp.data.mixing import Mixer
    from nnsp.search import sweep
    from nnsp.training import losses, steps

    judge = losses.parse(args.judge, "judge")
    searched = sweep.read(args.sweep, args.nn_arch)
    mixers = (
        Mixer.open(args.train_list, searched.train.get("seed", Settings.seed)),
        Mixer.open(args.test_list, 0),
    )
    name = args.study or Path(args.sweep).stem
    root = Path(args.output) / name
    storage = args.storage or f"sqlite:///{Path(args.output) / 'sweeps.db'}"
    lists = (args.train_list, args.test_list)
    study = sweep.open_study(storage, name, searched, str(judge), lists, args.seed)
    print(f"trains with {steps.device()}; study '{name}' in {storage} has {len(study.trials)} trials")
    provenance = {"command": " ".join(sys.argv), "train_list": args.train_list}
    try:
        sweep.search(study, searched, judge, mixers, root, args.trials, provenance)
    finally:
        if any(trial.intermediate_values for trial in study.trials):
            sweep.write_csv(root / "trials.csv", study)
            sweep.plot(root / "trials.png", study)
            print(f"{sweep.table(study)}\nevery trial: {root}/trials.csv, trials.png")
