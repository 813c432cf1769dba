# SPDX-License-Identifier: BSD-3-Clause
"""Score networks and other systems on pairs of noisy and clean recordings, or on seeded mixtures."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nnsp import places
from nnsp.commands import flags
from nnsp.errors import UserError
from nnsp.evaluation import FORMS

if TYPE_CHECKING:
    from nnsp.evaluation.pairs import Pairs


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add(
        "--systems",
        nargs="+",
        default=["noisy,float,c"],
        metavar="SYSTEM,...",
        help=f"what to score: {FORMS}. NETWORK is a text or a folder that train_se made, with @EPOCH if "
        "wanted; BOARD as stream_se has it, with @MODEL; a folder holds sounds of the clips' names; a command has "
        "{noisy} and {enhanced} in it. NAME= in front of any gives it a name. With commas between them, those of dir "
        "and cmd as words of their own (default %(default)s)",
    )
    flags.add_network(parser, places.ENHANCER, ", where --systems names none")
    add("--noisy", metavar="DIR", help="score on these recordings ...")
    add("--clean", metavar="DIR", help="... against those of the same names")
    add("--pairs", metavar="CSV", help="or on the pairs in columns noisy,clean and, if wanted, bucket")
    flags.add_test_list(parser, "or on mixtures of this list, by data_se.py")
    add("--snr", default="0,5,10,15", metavar="DB,...", help="ratios to mix at (default %(default)s)")
    add("--clips", type=int, default=20, help="per ratio (default %(default)s)")
    add("--seconds", type=float, default=6.0, help="of each mixture (default %(default)s)")
    add("--seed", type=int, default=0, help="of the mixtures (default %(default)s)")
    add(
        "--reference",
        metavar="SYSTEM",
        help="system that gains are over (default: noisy, where it is scored)",
    )
    add("--dnsmos", type=Path, metavar="ONNX", help="sig_bak_ovr.onnx of DNSMOS P.835, for SIG, BAK and OVRL")
    add(
        "--csv",
        type=Path,
        default=Path("build/scores.csv"),
        metavar="FILE",
        help="scores of every clip; their means go to FILE_summary (default %(default)s)",
    )
    add("--report", type=Path, metavar="DIR", help="write a page to listen to, with all sounds")
    add(
        "--timeout",
        type=float,
        default=600,
        help="seconds a command may take for a clip (default %(default)g)",
    )
    add("--processes", type=int, help="that compute scores (default: one per core)")
    return parser.parse_args()


def clips(args: argparse.Namespace) -> "Pairs":
    if bool(args.noisy) != bool(args.clean):
        raise UserError("--noisy and --clean go together")
    if args.noisy and args.pairs:
        raise UserError("give either --noisy and --clean, or --pairs")
    from nnsp.evaluation import pairs

    snrs_db = pairs.checked_ratios(args.snr, args.clips, args.seconds)
    if args.pairs:
        return pairs.manifest(Path(args.pairs))
    if args.noisy:
        return pairs.folders(Path(args.noisy), Path(args.clean))
    return pairs.mixtures(args.test_list, snrs_db, args.clips, args.seconds, args.seed)


def main() -> None:
    args = parse()
    if (args.processes is not None and args.processes < 1) or args.timeout <= 0:
        raise UserError("--processes must be 1 or more, and --timeout more than 0")
    from nnsp.evaluation import enhancement, report, systems
    from nnsp.signal import dnsmos

    choices = systems.split(args.systems)
    names = [choice.name for choice in choices]
    reference = args.reference or ("noisy" if "noisy" in names else None)
    if reference is not None and reference not in names:
        raise UserError(f"--reference={reference}: is not among --systems, which are {', '.join(names)}")
    if args.report and "clean" in names:
        raise UserError("--systems: 'clean' is what the report calls the clean speech; take another name")
    if args.dnsmos:
        dnsmos.session(args.dnsmos)
    chosen = clips(args)
    folders = report.sound_folders(args.report, names) if args.report else None
    with systems.opened(
        choices, str(args.nn_arch), args.epoch_loaded, args.models_dir, args.timeout
    ) as ready:
        results = enhancement.evaluate(chosen, ready, args.dnsmos, folders, args.processes)
    rows = enhancement.summary(results, reference)
    summary = args.csv.with_name(f"{args.csv.stem}_summary{args.csv.suffix}")
    enhancement.write_csv(args.csv, results)
    enhancement.write_summary(summary, rows)
    print(f"{len(chosen)} clips; mean and its interval of 95 % by bootstrap over clips")
    print(enhancement.table(rows, reference))
    print(f"every clip: {args.csv}, the means: {summary}")
    if folders:
        page = report.write(
            args.report, f"{', '.join(names)}: {len(chosen)} clips", results, rows, folders, reference
        )
        print(f"to look at and listen to: {page}")
