# SPDX-License-Identifier: BSD-3-Clause
"""Train keyword spotting: train_kws.py --nn_arch=nn_arch/def_kws.txt --train_words=... --test_words=... and lists."""

import argparse
from typing import TYPE_CHECKING

from nnsp.commands.train import common
from nnsp.errors import UserError

if TYPE_CHECKING:
    from nnsp.data.source import Source
    from nnsp.training.folder import ModelFolder
    from nnsp.training.task import Task


ON_INTERRUPT = common.NOTE


def parse() -> argparse.Namespace:
    parser = common.parser(__doc__)
    common.add_lists(parser, "data_se.py, of speech and noise without keywords")
    parser.add_argument("--train_words", required=True, metavar="CSV", help="list made by data_kws.py")
    parser.add_argument("--test_words", required=True, metavar="CSV", help="that of unseen speakers")
    return parser.parse_args()


def main() -> None:
    args = parse()
    common.check(args)

    def task(_: "ModelFolder") -> "Task":
        from nnsp.data import corpus, keywords
        from nnsp.tasks.keywords import NONE, Keywords

        labels, unseen = (
            keywords.labels_of(corpus.load(path)) for path in (args.train_words, args.test_words)
        )
        if labels != unseen:
            raise UserError(
                f"{args.test_words}: has other keywords than {args.train_words}; make both with data_kws.py"
            )
        return Keywords(labels=(NONE, *labels))

    def sources(_: "Task") -> tuple["Source", "Source"]:
        from nnsp.data.keywords import KeywordMixer

        return (
            KeywordMixer.of_lists(args.train_list, args.train_words, args.seed),
            KeywordMixer.of_lists(args.test_list, args.test_words, 0),
        )

    common.train(args, task, sources)
