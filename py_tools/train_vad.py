"""Train voice activity detection: train_vad.py --nn_arch=nn_arch/def_vad.txt --train_list=... --test_list=..."""

import argparse
from typing import TYPE_CHECKING

from nnsp import cli
from nnsp.network import command

if TYPE_CHECKING:
    from nnsp.data.mixing import Mixer
    from nnsp.network.folder import ModelFolder
    from nnsp.tasks.task import Task


def parse() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_lists(parser, "data_se.py")
    return parser.parse_args()


def main() -> None:
    args = parse()
    command.check(args)

    def task(_: "ModelFolder") -> "Task":
        from nnsp.tasks.vad import VoiceActivity

        return VoiceActivity()

    def sources(_: "Task") -> tuple["Mixer", "Mixer"]:
        from nnsp.data.mixing import Mixer

        return Mixer.open(args.train_list, args.seed), Mixer.open(args.test_list, 0)

    command.train(args, task, sources)


if __name__ == "__main__":
    cli.run(main, command.NOTE)
