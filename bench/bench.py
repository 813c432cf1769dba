# SPDX-License-Identifier: BSD-3-Clause
"""Count what the kernels and whole frames take on the emulated boards, and hold it to the budget."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "py_tools"))

import candidates  # noqa: E402
import report  # noqa: E402
from measure import CANDIDATES, FIRMWARE, measure, models_of, speech  # noqa: E402
from nnsp.commands.run import run  # noqa: E402
from nnsp.device.boards import MACHINES  # noqa: E402
from nnsp.errors import UserError  # noqa: E402

BUDGET = ROOT / "bench" / "budget.json"


def main() -> None:
    """Read the arguments, measure and print."""
    parser = argparse.ArgumentParser(prog="./nnsp bench", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--nn_arch",
        type=Path,
        nargs="+",
        default=[],
        metavar="TXT",
        help="measure these networks too, with random weights: no training needed",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write {target: {case: {macs, instructions, cycles}}} to FILE",
    )
    parser.add_argument("--compare", type=Path, metavar="OLD", help="print what differs from such a file")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument(
        "--check", action="store_true", help=f"fail on 2 %% more than {BUDGET.relative_to(ROOT)}"
    )
    parser.add_argument(
        "--update", action="store_true", help=f"make today's figures {BUDGET.relative_to(ROOT)}"
    )
    arguments = parser.parse_args()
    if arguments.nn_arch and (arguments.check or arguments.update):
        raise UserError(
            "--nn_arch cannot be combined with --check or --update: the budget is for the shipped networks"
        )
    old = report.read(arguments.compare) if arguments.compare else None

    def say(what: str) -> None:
        print(f"bench: {what}", file=sys.stderr)

    folders = [FIRMWARE]
    if arguments.nn_arch:
        taken = [arch for _, arch, _ in models_of(FIRMWARE)]
        candidates.write(arguments.nn_arch, CANDIDATES, speech(), taken)
        folders.append(CANDIDATES)
    kinds = [(target, portable) for target in MACHINES for portable in (False, True)]
    measured = [measure(target, portable, say, folders) for target, portable in kinds]
    report.check_agreement(measured)
    print(report.markdown(measured) if arguments.markdown else report.text(measured))
    figures = report.figures(measured)
    own = report.figures([each for each in measured if not each.portable])
    if arguments.json:
        report.write(arguments.json, figures)
    if old is not None:
        print(f"\nagainst {arguments.compare}:\n{report.compared(old, figures)}")
    if arguments.update:
        report.write(BUDGET, own)
    if arguments.check and (wrong := report.regressions(report.read(BUDGET), own)):
        raise UserError("over budget:\n  " + "\n  ".join(wrong))


if __name__ == "__main__":
    run(main, "stopped; nothing was written")
