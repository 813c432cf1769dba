# SPDX-License-Identifier: BSD-3-Clause
"""Measure voice activity detection on mixtures of unseen speakers and noise."""

import argparse
from pathlib import Path

from nnsp.commands import flags
from nnsp.inference import ENGINES


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    flags.add_network(parser, "def_vad.txt")
    add("--engine", choices=ENGINES, default="c", help="what scores (default %(default)s)")
    flags.add_test_list(parser, "list of data_se.py to mix from")
    add("--snr", default="-5,0,5,10,20", metavar="DB,...", help="ratios to mix at (default %(default)s)")
    add("--clips", type=int, default=60, help="per ratio (default %(default)s)")
    add("--seconds", type=float, default=10.0, help="of each mixture (default %(default)s)")
    add("--seed", type=int, default=0, help="of the mixtures (default %(default)s)")
    add(
        "--out",
        type=Path,
        default=Path("build/vad"),
        metavar="NAME",
        help="curves go to NAME.csv and NAME.png (default %(default)s)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse()
    from nnsp.evaluation import pairs

    snrs_db = pairs.checked_ratios(args.snr, args.clips, args.seconds)
    from nnsp.evaluation import voice
    from nnsp.inference import detection
    from nnsp.inference.trained import load_trained

    trained = load_trained(args.nn_arch, args.epoch_loaded, args.models_dir)
    score = detection.open_engine(trained, args.engine, "vad")
    clips = pairs.mixtures(args.test_list, snrs_db, args.clips, args.seconds, args.seed)
    detector = trained.task.detector
    assert detector
    results = voice.evaluate(clips, score, trained.frontend, trained.arch.stride, detector)
    voice.write_csv(args.out.with_suffix(".csv"), results)
    voice.plot(args.out.with_suffix(".png"), results)
    print(f"{trained.arch.name}, epoch {trained.epoch}, {args.engine}; decisions: {detector}")
    print(voice.table(results))
    print(f"curves: {args.out}.csv, {args.out}.png")
