# SPDX-License-Identifier: BSD-3-Clause
"""Train a network that tells clips apart: train_rec.py --nn_arch=TXT --clips=DIR|CSV."""

import argparse
from typing import TYPE_CHECKING

from nnsp.commands import flags
from nnsp.commands.train import common
from nnsp.data import clips
from nnsp.errors import UserError
from nnsp.network import arch as arch_text
from nnsp.signal.clip_features import COUNTS

if TYPE_CHECKING:
    from nnsp.data.clips import ClipSource
    from nnsp.training.folder import ModelFolder
    from nnsp.training.task import Task


ON_INTERRUPT = common.NOTE


def parse() -> argparse.Namespace:
    parser = common.parser(__doc__, num_epoch=40, batches=0, patience=0, learning_rate=3e-3, threads=1)
    flags.add_clips(parser)
    parser.add_argument(
        "--features",
        choices=tuple(COUNTS),
        help="features of the host (default: those of --feat_type, which a board computes)",
    )
    parser.add_argument(
        "--split",
        choices=("class", "speaker", "given"),
        default="class",
        help="shares of each class, whole speakers, or as the manifest says (default %(default)s)",
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs=3,
        default=clips.SHARES,
        metavar="SHARE",
        help="of train, validation and test (default %(default)s)",
    )
    parser.add_argument(
        "--augment",
        type=int,
        choices=(0, 1),
        default=1,
        help="1: other voices, levels, microphones and noise, where the front end's features are used (default 1)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse()
    if min(args.shares) < 0 or abs(sum(args.shares) - 1) > 1e-6:
        raise UserError(f"--shares={' '.join(map(str, args.shares))}: must be 0 or more, and 1 together")
    arch = arch_text.load(args.nn_arch)
    arch_text.check_clips(arch)
    args.timesteps, args.train_list = arch.clip_frames, args.clips

    from nnsp.data.augmentation import Augmentation
    from nnsp.inference.recognition import clip_samples
    from nnsp.tasks import recognition

    features = args.features or ""
    fe = recognition.Recognition(features=features).frontend()
    length = clip_samples(arch.clip_frames, fe.hop, bool(features))
    sounds = flags.open_clips(args, fe.rate, length)

    parts = clips.split(sounds.recordings, args.split, args.seed, args.shares)
    print(
        f"{len(sounds.labels)} classes; "
        + ", ".join(f"{len(i)} clips to {name}" for name, i in parts.items())
    )
    args.batches = args.batches or -(-len(parts["train"]) // args.batchsize)
    args.validation_batches = -(-len(parts["validation"]) // args.batchsize)

    def task(folder: "ModelFolder") -> "Task":
        labels = sounds.labels
        if args.epoch_loaded != "random":
            labels = clips.relabelled(sounds, folder.task()["labels"], str(folder.path)).labels
        return recognition.Recognition(labels=tuple(labels), features=features, seconds=length / fe.rate)

    def sources(made: "Task") -> tuple["ClipSource", "ClipSource"]:
        known = clips.relabelled(sounds, made.labels, args.nn_arch)
        augmentation = Augmentation() if args.augment and not features else None
        material = recognition.items(known, features, length)
        row = arch.clip_frames if features else length
        return recognition.sources(material, known.classes, parts, row, args.seed, augmentation)

    common.check(args)
    common.train(args, task, sources)
