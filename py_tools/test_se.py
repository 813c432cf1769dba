"""Enhance recordings or the microphone: test_se.py --nn_arch=TXT --test_wavefile=WAV."""

import argparse
import os
from pathlib import Path

from nnsp import cli, enhancement
from nnsp.errors import UserError
from nnsp.signal import audio, metrics, plots
from nnsp.signal.frontend import FEAT_TYPES

SECONDS = 10


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--nn_arch", required=True, metavar="TXT", help="text of the network")
    add("--feat_type", choices=FEAT_TYPES, help="check that the network was trained with these features")
    add("--epoch_loaded", default="latest", metavar="latest|N", help="epoch to load (default %(default)s)")
    add("--models_dir", metavar="DIR", help="where models lie (default models_trained, else models_shipped)")
    add("--test_wavefile", metavar="WAV", help="recording, or folder of recordings, to enhance")
    add("--recording", type=int, choices=(0, 1), default=0, help=f"1: record {SECONDS} s of the microphone")
    add("--clean", metavar="WAV", help="clean reference (or folder with the same names), to score against")
    add("--output", default="build/enhanced", metavar="DIR", help="where results go (default %(default)s)")
    add("--engine", choices=enhancement.ENGINES, default="float", help="what computes (default %(default)s)")
    add("--quantized", type=int, choices=(0, 1), default=0, help="1: float engine rounds as the integers do")
    return parser.parse_args()


def recordings(args: argparse.Namespace, out: Path) -> list[Path]:
    if bool(args.recording) == bool(args.test_wavefile):
        raise UserError("give either --test_wavefile=WAV or --recording=1")
    if args.recording:
        path = out / "recording.wav"
        audio.write_wav(path, audio.record(SECONDS))
        return [path]
    path = Path(args.test_wavefile)
    return audio.files(path) if path.is_dir() else [path]


def main() -> None:
    args = parse()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    out = Path(args.output)
    inputs = recordings(args, out)
    sounds = {path: audio.read(path) for path in inputs}
    references = {path: audio.read(audio.partner(path, Path(args.clean))) for path in inputs if args.clean}

    from nnsp.network import training

    trained = training.load(args.nn_arch, args.epoch_loaded, args.models_dir)
    if args.feat_type and args.feat_type != trained.frontend.feat_type:
        raise UserError(
            f"the network was trained with --feat_type={trained.frontend.feat_type}; ask for that"
        )
    enhance = enhancement.open_engine(trained, args.engine, bool(args.quantized))
    print(f"{trained.arch.name}, epoch {trained.epoch}, engine {args.engine}")
    noisy_scores, enhanced_scores = [], []
    for path, noisy in sounds.items():
        enhanced = audio.from_int16(enhance(audio.to_int16(noisy)))
        result = out / f"{path.stem}_enhanced.wav"
        audio.write_wav(result, enhanced)
        shown = {"noisy": noisy, "enhanced": enhanced}
        if path in references:
            shown["clean"] = references[path]
            noisy_scores.append(metrics.score(references[path], noisy))
            enhanced_scores.append(metrics.score(references[path], enhanced))
            rows = [("noisy", noisy_scores[-1]), ("enhanced", enhanced_scores[-1])]
            print(metrics.table(path.stem, rows))
        plots.spectrograms(result.with_suffix(".png"), shown)
        print(f"wrote {result} and .png")
    if len(noisy_scores) > 1:
        rows = [
            ("noisy", metrics.Scores.mean(noisy_scores)),
            ("enhanced", metrics.Scores.mean(enhanced_scores)),
        ]
        print(metrics.table(f"mean of {len(noisy_scores)}", rows))


if __name__ == "__main__":
    cli.run(main)
