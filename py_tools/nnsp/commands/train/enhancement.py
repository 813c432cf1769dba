# SPDX-License-Identifier: BSD-3-Clause
"""Train a speech enhancement network: train_se.py --nn_arch=nn_arch/def_se_bands.txt."""

import argparse
from typing import TYPE_CHECKING

from nnsp.commands.train import common
from nnsp.errors import UserError
from nnsp.training.settings import LOSS, MASK_FLOOR

if TYPE_CHECKING:
    from nnsp.data.mixing import Mixer
    from nnsp.training.folder import ModelFolder
    from nnsp.training.task import Task


ON_INTERRUPT = common.NOTE


def parse() -> argparse.Namespace:
    parser = common.parser(__doc__)
    common.add_lists(parser, "data_se.py", " (default: synthetic sounds)")
    common.add_setting(parser, MASK_FLOOR)
    common.add_setting(parser, LOSS)
    parser.add_argument("--change_loss", action="store_true", help="go on with another loss than before")
    return parser.parse_args()


def main() -> None:
    args = parse()
    common.check(args)
    if bool(args.train_list) != bool(args.test_list):
        raise UserError("--train_list and --test_list go together: data_se.py makes both")
    if args.workers > 1 and not args.train_list:
        raise UserError("--workers above 1 wants --train_list and --test_list, the same for all workers")
    if args.mask_floor is not None:
        MASK_FLOOR.check(args.mask_floor)

    def task(folder: "ModelFolder") -> "Task":
        from nnsp.tasks.enhancement import SpeechEnhancement
        from nnsp.training import losses

        kept = common.trained_with(args, folder)
        loss = args.loss or kept.get("objective", LOSS.default)
        return SpeechEnhancement(distance=losses.parse(loss))

    def sources(_: "Task") -> tuple["Mixer", "Mixer"]:
        from nnsp.data import synthesis
        from nnsp.data.mixing import Mixer

        if not args.train_list:
            print("no --train_list: training on speech and noise of the built-in generator")
            args.train_list, args.test_list = synthesis.make_lists("build/datasets/synthetic")
        return Mixer.open(args.train_list, args.seed), Mixer.open(args.test_list, 0)

    common.train(args, task, sources, mask_floor=args.mask_floor)
