"""Score a trained network on seeded mixtures of unseen speakers and noise, or on folders of pairs."""

import argparse
import os
from pathlib import Path

from nnsp import cli, enhancement, evaluation
from nnsp.errors import UserError


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--nn_arch", required=True, metavar="TXT", help="text of the network")
    add("--epoch_loaded", default="latest", metavar="latest|N", help="epoch to load (default %(default)s)")
    add("--models_dir", metavar="DIR", help="where models lie (default models_trained, else models_shipped)")
    add("--engines", default=",".join(enhancement.ENGINES), help="what to score (default %(default)s)")
    add(
        "--test_list",
        default="build/datasets/test.csv",
        metavar="CSV",
        help="by data_se.py (default %(default)s)",
    )
    add("--snr", default="0,5,10,15", metavar="DB,...", help="ratios to mix at (default %(default)s)")
    add("--clips", type=int, default=20, help="per ratio (default %(default)s)")
    add("--seconds", type=float, default=6.0, help="of each clip (default %(default)s)")
    add("--seed", type=int, default=0, help="of the mixtures (default %(default)s)")
    add("--noisy", metavar="DIR", help="score these recordings instead ...")
    add("--clean", metavar="DIR", help="... against those of the same names")
    add(
        "--output",
        default="build/scores.csv",
        metavar="CSV",
        help="scores of every clip (default %(default)s)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    engines = args.engines.split(",")
    for engine in engines:
        if engine not in enhancement.ENGINES:
            raise UserError(f"--engines={engine}: no such engine; known are {', '.join(enhancement.ENGINES)}")
    if bool(args.noisy) != bool(args.clean):
        raise UserError("--noisy and --clean go together")
    if args.clips < 1 or args.seconds < 1:
        raise UserError("--clips and --seconds must be 1 or more")
    try:
        snrs_db = [float(text) for text in args.snr.split(",")]
    except ValueError:
        raise UserError(f"--snr={args.snr}: expected numbers of dB with commas, as 0,5,10") from None
    if args.noisy:
        pairs = list(evaluation.folders(Path(args.noisy), Path(args.clean)))
    else:
        pairs = list(evaluation.mixtures(args.test_list, snrs_db, args.clips, args.seconds, args.seed))

    from nnsp.network import training

    trained = training.load(args.nn_arch, args.epoch_loaded, args.models_dir)
    systems = {engine: enhancement.open_engine(trained, engine) for engine in engines}
    results = evaluation.evaluate(pairs, systems)
    evaluation.write_csv(args.output, results)
    print(f"{trained.arch.name}, epoch {trained.epoch}, {len(pairs)} clips")
    print(evaluation.table(results))
    print(f"every clip: {args.output}")


if __name__ == "__main__":
    cli.run(main)
