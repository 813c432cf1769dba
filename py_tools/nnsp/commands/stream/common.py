# SPDX-License-Identifier: BSD-3-Clause
"""What the streaming commands have in common besides their flags."""

import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
from numpy.typing import NDArray

from nnsp.device.boards import MACHINES, build_image
from nnsp.device.messages import Hello
from nnsp.device.session import Consumer, End, Hop, Session
from nnsp.errors import UserError
from nnsp.progress import progress
from nnsp.signal import audio


def image_of(board: str, image: Path | None, model: str) -> Path | None:
    """Return the image for an emulator, built where none is given; None for other boards without one."""
    return build_image(board, model) if board in MACHINES and image is None else image


def check_source(board: str, seconds: float | None, microphone: Path | None) -> None:
    """Refuse a length of 0, and a recording for a board that has a microphone of its own."""
    if seconds is not None and not seconds > 0:
        raise UserError(f"`seconds={seconds:g}`: nothing to record; expected more than 0")
    if microphone is not None and board not in MACHINES:
        raise UserError(f"`microphone`: {board} has its own; only {' and '.join(MACHINES)} take a recording")


def hops_in(seconds: float | None, hello: Hello) -> int | None:
    """Return how many hops that is; None for no end."""
    return None if seconds is None else max(1, round(seconds * hello.rate / hello.hop))


def padded(samples: NDArray[np.int16], hello: Hello) -> NDArray[np.int16]:
    """Add the silence that brings the delayed end out, up to a whole number of hops.

    Raises
    ------
    UserError
        The board's networks have another rate than recordings here.
    """
    if hello.rate != audio.RATE:
        raise UserError(
            f"{hello.board}: its networks run at {hello.rate} Hz, recordings here at {audio.RATE} Hz"
        )
    size = -(-(len(samples) + hello.delay) // hello.hop) * hello.hop
    return np.pad(samples, (0, size - len(samples)))


@contextmanager
def bare_samples(wav: Path | None) -> Iterator[Path | None]:
    """Write bare samples of a recording, as the microphone of an emulated board takes them."""
    if wav is None:
        yield None
        return
    sound = audio.to_int16(audio.read(wav))
    with tempfile.TemporaryDirectory(prefix="nnsp_") as folder:
        path = Path(folder) / "microphone.s16"
        path.write_bytes(sound.astype("<i2").tobytes())
        yield path


@contextmanager
def stopped_by_interrupt(session: Session) -> Iterator[None]:
    """Have the first Ctrl-C stop a session; a second one interrupts as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        session.stop()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask_to_stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Progress(Consumer):
    """A progress bar.

    Parameters
    ----------
    title : str
    hops : int, optional
        How many are expected.
    """

    def __init__(self, title: str, hops: int | None) -> None:
        self._bar = progress(total=hops, unit="hop", desc=title)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def take(self, hop: Hop) -> None:
        """Count a hop."""
        self._bar.update(hop.number + 1 - self._bar.n)


def first_hop_came(board: str, came: int, end: End) -> None:
    """Raise the reason where not one hop came."""
    if not came:
        raise end.ended or UserError(f"{board}: stopped before the first hop came; nothing to write")


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Print names and values."""
    for name, value in rows:
        print(f"{name:42} {value}")


def refuse_differences(board: str, found: str, differ: bool) -> None:
    """Raise where a board computes something else than the library here."""
    if differ:
        raise UserError(
            f"{board}: {found} differ from what the C library makes of the same input "
            "on this computer; the board computes something else"
        )
