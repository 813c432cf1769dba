# SPDX-License-Identifier: BSD-3-Clause
"""Say what clips are: predict_rec.py --nn_arch=TXT clip.wav ..."""

import argparse
import sys
from pathlib import Path

from nnsp.commands import flags
from nnsp.errors import UserError
from nnsp.inference import ENGINES

SHOWN = 3  # classes of a clip


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("clips", nargs="+", type=Path, metavar="CLIP", help="sound files, or folders of them")
    flags.add_network(parser)
    add("--engine", choices=ENGINES, default="float", help="what computes (default %(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse()
    from nnsp.signal import audio

    paths = [path for clip in args.clips for path in (audio.files(clip) if clip.is_dir() else [clip])]
    if len(paths) == 1:
        audio.load(paths[0])  # what cannot be read is said before the network is made ready

    from nnsp.inference import recognition
    from nnsp.inference.trained import load_trained

    trained = load_trained(args.nn_arch, args.epoch_loaded, args.models_dir)
    recogniser = recognition.Recogniser(trained, args.engine)
    failed = 0
    for path in paths:
        try:
            x, _, _ = audio.load(path, recogniser.rate)
        except UserError as error:
            failed += 1
            print(f"left out: {error}", file=sys.stderr)
            continue
        scores = recogniser.scores([x])[0]
        best = scores.argsort()[::-1][:SHOWN]
        print(f"{path}: " + ", ".join(f"{recogniser.labels[i]} {scores[i]:.1%}" for i in best))
    if failed:
        raise UserError(f"{failed} of {len(paths)} files could not be read; their reasons are above")
