# SPDX-License-Identifier: BSD-3-Clause
"""Run an image on the model, its UART a TCP port: python tests/support/apollo4_model IMAGE.bin --port=N"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "py_tools"))

from apollo4_model.board import Apollo4, SocketHost
from apollo4_model.processor import Objection
from nnsp.commands.run import run
from nnsp.errors import UserError


def main() -> None:
    """Read the arguments and run until Ctrl-C or an objection."""
    parser = argparse.ArgumentParser(prog="apollo4_model", description=__doc__, allow_abbrev=False)
    parser.add_argument("image", type=Path, help="what would be flashed, a .bin")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes a free one (%(default)s)")
    parser.add_argument("--baud", type=int, default=115200, help="bit/s of the line (%(default)s)")
    parser.add_argument("--microphone", type=Path, help="recording that the microphone hears")
    arguments = parser.parse_args()
    try:
        image = arguments.image.read_bytes()
    except OSError as error:
        raise UserError(
            f"{arguments.image}: cannot be read: {error.strerror}; build it with: scons target=apollo4"
        ) from error
    sound = None
    if arguments.microphone:
        from nnsp.signal import audio  # takes seconds

        sound = audio.to_int16(audio.read(arguments.microphone))
    try:
        host = SocketHost(arguments.port)
    except OSError as error:
        raise UserError(f"port {arguments.port}: {error.strerror}; give another --port") from error
    board = Apollo4(image, arguments.baud, sound)
    print(f"--board=socket://127.0.0.1:{host.number}", flush=True)
    began = time.monotonic()
    try:
        while True:
            board.step(host)
    except Objection as objection:
        raise UserError(f"the model objects: {objection}") from objection
    finally:
        print(
            f"{board.seconds:.1f} s of the board in {time.monotonic() - began:.1f} s, {board.cpu.executed / 1e6:.0f} "
            f"million instructions, {board.resets} resets",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run(main, "stopped")
