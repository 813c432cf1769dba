# SPDX-License-Identifier: BSD-3-Clause
"""Train voice activity detection: train_vad.py --nn_arch=nn_arch/def_vad.txt --train_list=... --test_list=..."""

import argparse
from typing import TYPE_CHECKING

from nnsp.commands.train import common

if TYPE_CHECKING:
    from nnsp.data.mixing import Mixer
    from nnsp.training.folder import ModelFolder
    from nnsp.training.task import Task


ON_INTERRUPT = common.NOTE


def parse() -> argparse.Namespace:
    parser = common.parser(__doc__)
    common.add_lists(parser, "data_se.py")
    return parser.parse_args()


def main() -> None:
    args = parse()
    common.check(args)

    def task(_: "ModelFolder") -> "Task":
        from nnsp.tasks.voice import VoiceActivity

        return VoiceActivity()

    def sources(_: "Task") -> tuple["Mixer", "Mixer"]:
        from nnsp.data.mixing import Mixer

        return Mixer.open(args.train_list, args.seed), Mixer.open(args.test_list, 0)

    common.train(args, task, sources)
