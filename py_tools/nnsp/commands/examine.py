# SPDX-License-Identifier: BSD-3-Clause
"""Examine a network: silence in, noise alone, clean speech, and the first second of speech from a cold start."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from nnsp import places
from nnsp.commands import flags
from nnsp.errors import UserError
from nnsp.inference import ENGINES

if TYPE_CHECKING:
    from nnsp.data.corpus import Corpus
    from nnsp.inference.enhancement import Enhance


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    flags.add_network(parser, places.ENHANCER)
    add("--engine", choices=ENGINES, default="c", help="what computes (default %(default)s)")
    flags.add_test_list(parser, "speech and noise, by data_se.py")
    add("--clean", type=Path, metavar="DIR", help="clean recordings that should stay clean")
    add("--noise_level", type=float, default=-35, metavar="DBFS", help="of noise alone (default %(default)g)")
    add("--snr", type=float, default=5, metavar="DB", help="around the first second (default %(default)g)")
    add("--clips", type=int, default=40, help="of first seconds (default %(default)s)")
    add("--seed", type=int, default=0, help="of the mixtures (default %(default)s)")
    add("--processes", type=int, help="that compute scores (default: one per core)")
    add(
        "--output",
        type=Path,
        default=Path("build/examination"),
        metavar="DIR",
        help="tables and the picture (default %(default)s)",
    )
    return parser.parse_args()


def silence(enhance: "Enhance", out: Path) -> None:
    from nnsp.evaluation import examination
    from nnsp.evaluation.enhancement import write_table

    peaks = examination.silence(enhance)
    write_table(out / "silence.csv", ["in", "peak_out"], [[name, str(peak)] for name, peak in peaks.items()])
    print(f"silence: {examination.SECONDS} s in, peak out in steps of 16 bits")
    for name, peak in peaks.items():
        print(f"  {name:30} {peak:6d}")


def noise(enhance: "Enhance", sounds: "Corpus", level_db: float, out: Path) -> None:
    import numpy as np

    from nnsp.evaluation import examination
    from nnsp.evaluation.enhancement import write_table

    found = examination.noise(enhance, sounds, level_db)
    rows = [[one.label, one.clip, f"{one.attenuation_db:.2f}"] for one in found]
    write_table(out / "noise.csv", ["class", "clip", "attenuation_db"], rows)
    print(f"noise alone at {level_db:g} dBFS: attenuation in dB, the first second left out")
    print(f"  {'class':30} {'clips':>6} {'median':>7} {'mean':>7} {'least':>7}")
    for label in [*sorted({one.label for one in found}), "all"]:
        values = [one.attenuation_db for one in found if label in (one.label, "all")]
        middle = f"{np.median(values):7.1f} {np.mean(values):7.1f} {min(values):7.1f}"
        print(f"  {label:30} {len(values):6d} {middle}")


def clean(enhance: "Enhance", folder: Path, out: Path, processes: int | None) -> None:
    import numpy as np

    from nnsp.evaluation import examination
    from nnsp.evaluation.enhancement import text, write_csv
    from nnsp.evaluation.intervals import estimate

    results = examination.clean(enhance, folder, processes)
    write_csv(out / "clean.csv", results)
    print(f"clean speech: scores after enhancing, of {len(results)} clips")
    for name in ("pesq_wb", "stoi", "si_sdr_db"):
        values = [result.values[name] for result in results]
        value = estimate(values, [result.unit for result in results])
        print(f"  {name:30} {text(name, value)}, least {np.nanmin(values):.2f}")


def first_seconds(enhance: "Enhance", sounds: "Corpus", args: argparse.Namespace, name: str) -> None:
    from nnsp.evaluation import examination
    from nnsp.evaluation.enhancement import text, write_table

    begun = examination.first_seconds(enhance, sounds, args.snr, args.clips, args.seed)
    rows = [
        [b.clip, history, str(second + 1), f"{b.gain_db[row, second]:.3f}"]
        for b in begun
        for row, history in enumerate(examination.HISTORIES)
        for second in range(examination.SCORED)
    ]
    write_table(args.output / "first_seconds.csv", ["clip", "heard_before", "second", "si_sdr_gain_db"], rows)
    title = f"{name}: {len(begun)} clips at {args.snr:g} dB"
    examination.plot_first_seconds(args.output / "first_seconds.png", begun, title)
    print(f"first seconds of speech: SI-SDR gain in dB, {len(begun)} clips at {args.snr:g} dB")
    for history, values in examination.per_second(begun).items():
        cells = "  ".join(f"{text('si_sdr_db', value):>20}" for value in values)
        print(f"  after {history:24} {cells}")
    for history, value in examination.missed(begun).items():
        print(f"  first second, {history} less speech: {text('si_sdr_db', value, '+')}")


def main() -> None:
    args = parse()
    if args.clips < 1 or (args.processes is not None and args.processes < 1):
        raise UserError("--clips and --processes must be 1 or more")
    if not -90 <= args.noise_level <= 0:
        raise UserError(f"--noise_level={args.noise_level:g}: expected -90 to 0 dBFS")
    from nnsp.data import corpus

    sounds = corpus.load(args.test_list)

    from nnsp.inference import enhancement
    from nnsp.inference.trained import load_trained

    trained = load_trained(args.nn_arch, args.epoch_loaded, args.models_dir)
    enhance = enhancement.open_engine(trained, args.engine)
    print(f"{trained.arch.name}, epoch {trained.epoch}, engine {args.engine}")
    silence(enhance, args.output)
    noise(enhance, sounds, args.noise_level, args.output)
    if args.clean:
        clean(enhance, args.clean, args.output, args.processes)
    first_seconds(enhance, sounds, args, trained.arch.name)
    print(f"tables and first_seconds.png: {args.output}")
