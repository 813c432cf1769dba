# SPDX-License-Identifier: BSD-3-Clause
"""Measure keyword spotting: misses of unseen speakers in noise, over false alarms in hours without keywords."""

import argparse
from itertools import chain
from pathlib import Path

from nnsp.commands import flags
from nnsp.errors import UserError
from nnsp.inference import ENGINES


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    flags.add_network(parser, "def_kws.txt")
    add("--engine", choices=ENGINES, default="c", help="what scores (default %(default)s)")
    flags.add_test_list(parser, "list of data_se.py: speech and noise without keywords")
    add(
        "--test_words",
        default="build/datasets/kws/test.csv",
        metavar="CSV",
        help="list of data_kws.py (default %(default)s)",
    )
    add("--hours", type=float, default=1.0, help="of sound without keywords (default %(default)s)")
    add("--lowpass", type=float, metavar="HZ", help="take from that sound what is above")
    add("--snr", default="clean,20,10,5,0", metavar="DB,...", help="ratios to mix at (default %(default)s)")
    add("--words", type=int, default=40, help="of each keyword, per ratio (default %(default)s)")
    add("--smoothing", type=int, choices=range(8), help="of the detector (default: the network's)")
    add("--hold", type=int, metavar="N", help="outputs without another event (default: the network's)")
    add("--seed", type=int, default=0, help="of the streams (default %(default)s)")
    add(
        "--out",
        type=Path,
        default=Path("build/kws"),
        metavar="NAME",
        help="curves go to NAME.csv and NAME.png (default %(default)s)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse()
    if args.hours <= 0 or args.words < 1:
        raise UserError("--hours must be more than 0, and --words 1 or more")
    if args.lowpass is not None and not 1000 <= args.lowpass <= 8000:
        raise UserError(f"--lowpass={args.lowpass:g} must lie from 1000 to 8000")
    from nnsp.data import corpus
    from nnsp.evaluation import keywords
    from nnsp.inference import detection
    from nnsp.inference.trained import load_trained
    from nnsp.integer.detector import DetectorTable
    from nnsp.progress import progress

    try:
        snrs_db = [keywords.CLEAN if text == "clean" else float(text) for text in args.snr.split(",")]
    except ValueError:
        raise UserError(f"--snr={args.snr}: expected clean and numbers of dB, as clean,10,5") from None
    trained = load_trained(args.nn_arch, args.epoch_loaded, args.models_dir)
    score = detection.open_engine(trained, args.engine, "kws")
    labels, detector = trained.task.labels, trained.task.detector
    sounds, said = corpus.load(args.test_list), corpus.load(args.test_words)
    if unknown := sorted({clip.label for clip in said.clips} - set(labels)):
        raise UserError(
            f"{args.test_words}: '{unknown[0]}' is no keyword of {trained.arch.name}, which knows {labels}"
        )
    assert detector
    smoothing, hold = (
        own if own is not None else usual
        for own, usual in ((args.smoothing, detector.smoothing), (args.hold, detector.hold))
    )
    event = DetectorTable.quantized(detector.kind, smoothing, hold, detector.threshold)
    spotter = keywords.Spotter(score, trained.frontend, trained.arch.stride, event, len(labels))
    streams = chain(
        keywords.spoken(sounds, said, labels[1:], snrs_db, args.words, args.seed),
        keywords.unspoken(sounds, args.hours, args.seed, args.lowpass),
    )
    for stream in progress(streams, desc="scores", unit="minute", leave=False):
        spotter.hear(stream)
    points = keywords.curve(spotter, sorted({*keywords.THRESHOLDS, detector.threshold}))
    keywords.write_csv(args.out.with_suffix(".csv"), points)
    keywords.plot(args.out.with_suffix(".png"), points)
    print(f"{trained.arch.name}, epoch {trained.epoch}, {args.engine}; smoothing {smoothing}, hold {hold}")
    print(
        f"{args.hours:g} h without keywords; shares of keywords missed at each ratio; delays where it is highest"
    )
    print(keywords.table(points))
    print(f"curves: {args.out}.csv, {args.out}.png")
