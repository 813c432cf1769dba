"""Convert a trained network to C tables: def_nn<id>_<name>.c and .h."""

import argparse
import hashlib
import os
import shlex
import sys
from pathlib import Path

from nnsp.errors import UserError
from nnsp.inference import conversion
from nnsp.integer import calibration, tables
from nnsp.places import ROOT
from nnsp.signal import audio


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nn_arch", type=Path, required=True, help="text of the network, nn_arch/def_*.txt")
    parser.add_argument("--epoch_loaded", default="latest", help="latest, or the number of an epoch")
    parser.add_argument("--net_id", type=int, default=3, help="number of the network in an image; se is 3")
    parser.add_argument("--net_name", default="se", help="name of the network, a C identifier")
    parser.add_argument(
        "--models_dir",
        type=Path,
        help="where trained networks lie (default models_trained, else models_shipped)",
    )
    parser.add_argument(
        "--folder_c", type=Path, default=ROOT / "firmware" / "models", help="where the C files go"
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        default=conversion.CALIBRATION,
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
    samples = audio.to_int16(audio.read(args.calibration))

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from nnsp.inference.trained import load_trained

    trained = load_trained(args.nn_arch, args.epoch_loaded, args.models_dir)
    model, report = conversion.convert(trained, samples)
    made = tables.Provenance(
        command=f"python py_tools/{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}",
        arch=f"{args.nn_arch.name}, sha256 {_sha256(args.nn_arch)}",
        weights=f"{trained.weights_path.name}, sha256 {_sha256(trained.weights_path)}",
    )
    print(calibration.report_text(report, trained.frontend))
    for path in tables.write(args.folder_c, tables.model_files(model, args.net_id, args.net_name, made)):
        print(f"wrote {path}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
