# SPDX-License-Identifier: BSD-3-Clause
"""Convert a trained network to C tables: def_nn<id>_<name>.c and .h."""

import argparse
import hashlib
import shlex
import sys
from pathlib import Path

from nnsp import places
from nnsp.commands import flags
from nnsp.errors import UserError


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    flags.add_network(parser)
    parser.add_argument("--net_id", type=int, default=3, help="number of the network in an image; se is 3")
    parser.add_argument("--net_name", default="se", help="name of the network, a C identifier")
    parser.add_argument(
        "--folder_c",
        type=Path,
        default=places.TABLES if places.CHECKOUT else Path(),
        metavar="DIR",
        help="where the C files go (default %(default)s)",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        default=places.DEMO / "noisy.wav",
        help="noisy speech that sets the formats of linear layers and is measured in the report",
    )
    return parser.parse_args()


def main() -> None:
    """Load, quantise, prove, report, write."""
    args = arguments()
    if not args.net_name.isidentifier():
        raise UserError(
            f"--net_name={args.net_name}: not a C identifier; take letters, digits and underscores"
        )
    if not 0 <= args.net_id <= 65535:
        raise UserError(f"--net_id={args.net_id}: expected a number from 0 to 65535")
    from nnsp.signal import audio

    samples = audio.to_int16(audio.read(args.calibration))

    from nnsp.inference import conversion
    from nnsp.inference.trained import load_trained
    from nnsp.integer import calibration, tables

    trained = load_trained(args.nn_arch, args.epoch_loaded, args.models_dir)
    model, report = conversion.convert(trained, samples)
    made = tables.Provenance(
        command=f"{_tool()} {shlex.join(sys.argv[1:])}",
        arch=f"{args.nn_arch.name}, sha256 {_sha256(args.nn_arch)}",
        weights=f"{trained.weights_path.name}, sha256 {_sha256(trained.weights_path)}",
    )
    print(calibration.report_text(report, trained.frontend))
    for path in tables.write(args.folder_c, tables.model_files(model, args.net_id, args.net_name, made)):
        print(f"wrote {path}")


def _tool() -> str:
    """How this command was called: as nnsp c_code_table_converter, or by its file."""
    name = Path(sys.argv[0]).name
    return f"python py_tools/{name}" if name.endswith(".py") else name


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
