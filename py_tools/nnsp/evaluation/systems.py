# SPDX-License-Identifier: BSD-3-Clause
"""Systems that can be scored: the noisy clip, networks on any engine, boards, folders and commands of others."""

import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from numpy.typing import NDArray

from nnsp import places
from nnsp.errors import UserError
from nnsp.evaluation import ENGINES, FORMS
from nnsp.evaluation.pairs import Pair
from nnsp.inference import enhancement
from nnsp.signal import audio

if TYPE_CHECKING:
    from nnsp.inference.trained import Trained

Samples = NDArray[np.int16]
NAMED = re.compile(r"([^:/=,]+)=(.*)", re.DOTALL)
TAIL = 320  # samples that others' sounds may be longer or shorter than the noisy clip


@dataclass(frozen=True)
class System:
    """An enhancer; its output is aligned with the clip and equally long."""

    name: str
    enhance: Callable[[Pair], Samples]


@dataclass(frozen=True)
class Choice:
    """One system as named by the user."""

    name: str
    kind: str
    rest: str


def split(arguments: Sequence[str]) -> list[Choice]:
    """Split a list of systems at commas, but not inside of NAME=dir: and NAME=cmd:.

    Raises
    ------
    UserError
        One has no known form, lacks its name, or has another's.
    """
    texts: list[str] = []
    for argument in arguments:
        whole = (named := NAMED.fullmatch(argument)) and named[2].startswith(("dir:", "cmd:"))
        texts += [argument] if whole else argument.split(",")
    choices = []
    for text in texts:
        named = NAMED.fullmatch(text)
        name, spec = (named[1], named[2]) if named else (text, text)
        kind, _, rest = spec.partition(":")
        if not (
            kind in ENGINES or (kind == "noisy" and not rest) or (kind in ("board", "dir", "cmd") and rest)
        ):
            raise UserError(f"`systems`: there is no system '{text}'; expected {FORMS}")
        if kind in ("dir", "cmd") and not named:
            raise UserError(f"`systems`: '{text}' needs a name in front, as peer={kind}:…")
        choices.append(Choice(name, kind, rest))
    for choice in choices:
        if choices.count(choice) > 1 or [c.name for c in choices].count(choice.name) > 1:
            raise UserError(f"`systems`: two are named '{choice.name}'; give one another name, as OTHER=c:…")
    return choices


@contextmanager
def opened(
    choices: Sequence[Choice], nn_arch: str | None, epoch: str, models_dir: str | None, timeout: float
) -> Iterator[list[System]]:
    """Open systems; they can enhance until the block is left.

    Parameters
    ----------
    nn_arch, epoch : str
        Network of choices that name none.
    models_dir : str, optional
        As `trainer.load` takes it, for networks that are named by their text.
    timeout : float
        Seconds that a command may take for one clip.

    Raises
    ------
    UserError
        A network, board or folder is not there.
    """

    @cache
    def load(network: str, epoch: str) -> "Trained":
        from nnsp.inference.trained import load_trained
        from nnsp.network import arch as arch_text

        folder = Path(network)
        if not folder.is_dir():
            return load_trained(places.network(network), epoch, models_dir)
        text = folder / "arch.txt"
        if not text.is_file():
            raise UserError(
                f"{folder}: holds no arch.txt; give a folder that train_se.py made, or a network's text"
            )
        return load_trained(
            arch_text.parse(text.read_text("utf-8"), folder.resolve().name), epoch, folder.parent
        )

    def network(choice: Choice) -> Callable[[Pair], Samples]:
        source, number = choice.rest or nn_arch, epoch
        if source is None:
            raise UserError(
                f"`systems`: '{choice.kind}' needs a network: `nn_arch=TXT`, or {choice.kind}:TXT"
            )
        if at := re.fullmatch(r"(.+)@(latest|\d+)", source):
            source, number = at[1], at[2]
        engine = "float" if choice.kind == "quantized" else choice.kind
        enhance = enhancement.open_engine(load(source, number), engine, choice.kind == "quantized")
        return lambda pair: enhance(pair.noisy)

    with ExitStack() as stack:
        systems = []
        for choice in choices:
            if choice.kind == "noisy":
                enhance: Callable[[Pair], Samples] = lambda pair: pair.noisy  # noqa: E731
            elif choice.kind == "dir":
                enhance = _folder(Path(choice.rest))
            elif choice.kind == "cmd":
                enhance = _command(choice, timeout)
            elif choice.kind == "board":
                enhance = stack.enter_context(_board(choice.rest))
            else:
                enhance = network(choice)
            systems.append(System(choice.name, enhance))
        yield systems


def _folder(folder: Path) -> Callable[[Pair], Samples]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of enhanced sounds")

    def read(pair: Pair) -> Samples:
        path = audio.partner(folder / f"{pair.name}.wav", folder, folder)
        return _as_long(audio.to_int16(audio.read(path)), pair, str(path))

    return read


def _as_long(samples: Samples, pair: Pair, where: str) -> Samples:
    """Cut or pad a few samples at the end, where a system's last block is not full."""
    if abs(samples.size - pair.noisy.size) > TAIL:
        raise UserError(
            f"{where}: {samples.size} samples, and the noisy clip {pair.name} has {pair.noisy.size}; expected as many, "
            f"give or take {TAIL} at the end"
        )
    return np.pad(samples, (0, max(0, pair.noisy.size - samples.size)))[: pair.noisy.size]


def _command(choice: Choice, timeout: float) -> Callable[[Pair], Samples]:
    try:
        words = shlex.split(choice.rest)
    except ValueError as error:
        raise UserError(f"`systems`: the command of '{choice.name}' cannot be read ({error})") from None
    if not all(any(place in word for word in words) for place in ("{noisy}", "{enhanced}")):
        raise UserError(
            f"`systems`: the command of '{choice.name}' must say where {{noisy}} and {{enhanced}} go, "
            f"as {choice.name}=cmd:enhance {{noisy}} {{enhanced}}"
        )

    def enhance(pair: Pair) -> Samples:
        with tempfile.TemporaryDirectory() as folder:
            noisy, enhanced = Path(folder) / "noisy.wav", Path(folder) / "enhanced.wav"
            audio.write_wav(noisy, pair.noisy)
            filled = [w.replace("{noisy}", str(noisy)).replace("{enhanced}", str(enhanced)) for w in words]
            _run(filled, choice.name, pair.name, timeout)
            if not enhanced.is_file():
                raise UserError(
                    f"{choice.name}: its command ended well, but wrote no {{enhanced}} for {pair.name}"
                )
            where = f"{choice.name}, {pair.name}"
            rate = _rate(enhanced, where)
            if rate != audio.RATE:
                raise UserError(
                    f"{where}: its command wrote {rate} Hz; expected {audio.RATE} Hz, as its input has"
                )
            return _as_long(audio.to_int16(audio.load(enhanced)[0]), pair, where)

    return enhance


def _rate(path: Path, where: str) -> int:
    try:
        return int(soundfile.info(path).samplerate)
    except (soundfile.LibsndfileError, RuntimeError):
        raise UserError(f"{where}: its command wrote no sound file that can be read; wav will do") from None


def _run(command: list[str], name: str, clip: str, timeout: float) -> None:
    """Run a command to its end; it and all that it started are ended with it."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(f"{name}: its command does not start: {command[0]}: {error.strerror}") from None
    try:
        said = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{name}: its command took more than {timeout:g} s for {clip}; give it longer with `timeout`"
        ) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        lines = b"\n".join(said).decode(errors="replace").strip().splitlines()  # errors last
        last = f": {lines[-1]}" if lines else ""
        raise UserError(f"{name}: its command ended with status {process.returncode} for {clip}{last}")


@contextmanager
def _board(text: str) -> Iterator[Callable[[Pair], Samples]]:
    """BOARD or BOARD@MODEL: the firmware's model, held against the C library here with the same tables."""
    from nnsp.device import reference as references
    from nnsp.device.boards import MACHINES, build_image
    from nnsp.device.check import EnhancerCheck
    from nnsp.device.kept import play
    from nnsp.device.messages import Settings
    from nnsp.device.session import connected

    name, _, model = text.partition("@")
    model = model or "se"
    image = build_image(name, model) if name in MACHINES else None
    table = references.find_table(model)
    with connected(name, image) as (link, hello):
        if hello.rate != audio.RATE:
            raise UserError(f"{name}: its model runs at {hello.rate} Hz, recordings here at {audio.RATE} Hz")
        references.check_enhancer(name, hello, model)
        reference = references.enhancer_of(table, hello)

        def process(samples: Samples) -> Samples:
            check = EnhancerCheck(hello, reference)
            streamed = play(link, hello, samples, check, settings=Settings(gating=False))
            lost = int(streamed.silenced.sum() + (~streamed.answered).sum())
            if lost:
                raise UserError(f"{name}: {lost} hops were lost on the link; scores need them all, try again")
            if check.found.samples:
                raise UserError(
                    f"{name}: {check.found.samples} samples differ from what the C library makes of the same clip"
                )
            return streamed.audio

        enhance = enhancement.aligned(process, hello.hop, hello.delay)
        yield lambda pair: enhance(pair.noisy)
