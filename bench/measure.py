# SPDX-License-Identifier: BSD-3-Clause
"""Build the bench's images, run them on emulated boards, and give what was counted."""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cycles_m4 import Timing
from nnsp.device import image as images
from nnsp.device.boards import MACHINES
from nnsp.errors import UserError
from nnsp.files import written
from nnsp.places import ROOT
from nnsp.signal import audio

FIRMWARE, CANDIDATES = ROOT / "firmware" / "models", ROOT / "build" / "bench" / "candidates"
"""Folders of generated tables: the shipped ones, and those of ./nnsp bench --nn_arch."""

TIMED = "qemu_m4"
"""The target whose cycles `cycles_m4` estimates."""

SPEECH = (1.0, 3.0)
"""Seconds of demo/noisy.wav that the frames come from; the last of them is measured."""

RESULT = struct.Struct("<48s3I")
COUNT = np.dtype([("region", "<u4"), ("address", "<u4"), ("runs", "<u4"), ("next", "<u4", 2)])
SECONDS = 120.0
EXITS = {
    2: "the program on the board crashed",
    3: "a file could not be read or written",
    4: "bench/cases.c has too many cases, or a name that is too long",
    5: "bench/cases.c measures a mel front end of 480 samples, hop 160 and transform 512; the first model has another",
    6: "a model does not fit the library or the bench: convert it again",
}


@dataclass(frozen=True)
class Case:
    """What one case took; figures of a frame are the mean over all of its frames.

    macs : multiplications with weights; instructions, cycles : whole numbers (cycles None where not estimated);
    worst_instructions, worst_cycles : of any frame; frames : how many there were; stack : bytes below the
    caller's; checksums : of the output, one for each frame.
    """

    macs: int
    instructions: int
    cycles: int | None
    worst_instructions: int
    worst_cycles: int | None
    frames: int
    stack: int
    checksums: tuple[int, ...]


@dataclass(frozen=True)
class Measured:
    """All that one image showed.

    code, constants : bytes of the library's functions and lookup tables; tables, state : bytes of each model, by
    the name of its case; call_depth : stack of a frame by the compiler's call graph, and the chain that takes it.
    """

    target: str
    portable: bool
    cases: dict[str, Case]
    code: int
    constants: int
    tables: dict[str, int]
    state: dict[str, int]
    call_depth: tuple[int, list[str]]

    @property
    def name(self) -> str:
        """Return the target, and whether its own kernels were left out."""
        return self.target + "_portable" * self.portable


def measure(
    target: str, portable: bool, say: Callable[[str], None], folders: Sequence[Path] = (FIRMWARE,)
) -> Measured:
    """Build and run one image.

    Parameters
    ----------
    target : str
        A key of `MACHINES`.
    portable : bool
        With the portable C kernels instead of the target's own.
    say : callable
        Called with each line of progress.
    folders : sequence of Path
        Where the models' tables are, `FIRMWARE` first.

    Raises
    ------
    UserError
        It does not build or run; one sentence.
    """
    name = target + "_portable" * portable
    say(f"{name}: building")
    image = build(target, portable, folders)
    say(f"{name}: running")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        speech().tofile(folder / "samples.bin")
        count(target, image, folder)
        results = [RESULT.unpack(each) for each in _records((folder / "results.bin").read_bytes())]
        counts = np.fromfile(folder / "counts.bin", COUNT)
    timing = Timing(binutils("objdump", "-d", image)) if target == TIMED else None
    linked = linked_sections(image.with_suffix(".map").read_text())
    library = [each for each in linked if "nnsp_lib/" in each.object]
    models = {f"frame_{arch}": (stem, state) for folder in folders for stem, arch, state in models_of(folder)}
    graphs = {(ROOT / each.object).with_suffix(".ci") for each in library}
    return Measured(
        target=target,
        portable=portable,
        cases=_cases(results, counts, timing),
        code=sum(each.size for each in library if each.name.startswith(".text")),
        constants=sum(each.size for each in library if each.name.startswith(".rodata")),
        tables={
            case: sum(
                each.size
                for each in linked
                if Path(each.object).stem == stem and not each.name.startswith(".debug")
            )
            for case, (stem, _) in models.items()
        },
        state={case: state for case, (_, state) in models.items()},
        call_depth=images.deepest_stack(filter(Path.is_file, graphs), "nnsp_enhancer_process"),
    )


def build(target: str, portable: bool, folders: Sequence[Path] = (FIRMWARE,)) -> Path:
    """Return the path of the bench's image, built again where its sources have changed."""
    command = [sys.executable, "-m", "SCons", "-Q", "-s", f"-j{os.cpu_count()}", f"--directory={ROOT}"]
    more = ",".join(str(folder.relative_to(ROOT)) for folder in folders[1:])
    command += [f"target={target}", f"portable={int(portable)}", f"bench_models={more}", "bench"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise UserError(f"the bench for {target} does not build: {said.removeprefix('scons: ')}")
    return ROOT / "build" / (target + "_portable" * portable) / ("bench_more.elf" if more else "bench.elf")


def speech() -> NDArray[np.int16]:
    """Return the samples that the frames come from."""
    first, last = (int(seconds * audio.RATE) for seconds in SPEECH)
    samples: NDArray[np.int16] = audio.to_int16(audio.read(ROOT / "demo" / "noisy.wav"))[first:last]
    return samples


def models_of(folder: Path) -> list[tuple[str, str, int]]:
    """Return stem, architecture and bytes of state of the tables of all enhancers in a folder."""
    models = []
    for path in sorted(folder.glob("def_nn*_*.h")):
        text = path.read_text()
        arch, state = re.search(r'_ARCH "(\w+)"', text), re.search(r"_STATE_BYTES (\d+)", text)
        if arch and state and "_TASK NNSP_ENHANCE\n" in text:
            models.append((path.stem, arch[1], int(state[1])))
    return models


def binutils(tool: str, *arguments: str | Path) -> str:
    """Run a tool of the cross compiler and return what it prints."""
    command = [f"arm-none-eabi-{tool}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Linked:
    """One section of one object in an image."""

    name: str
    size: int
    object: str


def linked_sections(text: str) -> list[Linked]:
    """Read a linker's map: what of which object is in the image."""
    _, _, placed = text.partition("Linker script and memory map")
    found = re.findall(r"^ (\.\w\S*)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+\.o)$", placed, re.MULTILINE)
    return [Linked(name, int(size, 16), path) for name, size, path in found]


def count(target: str, image: Path, folder: Path) -> None:
    """Run an image with the regions between region_begin and region_end counted into folder/counts.bin."""
    symbols = dict(re.findall(r"^([0-9a-f]+) T (region_\w+)$", binutils("nm", image), re.MULTILINE))
    region = {name: int(address, 16) for address, name in symbols.items()}
    begin, end = region["region_begin"], region["region_end"]
    api = 1
    while True:
        plugin = f"file={_plugin(api)},begin={begin},end={end},output=counts.bin"
        done = run_image(target, image, folder, "-plugin", plugin)
        newer = re.search(r"supports only a minimum version of (\d+)", done.stderr)
        if not newer or int(newer[1]) <= api:
            break
        api = int(newer[1])
    if "plugin" in done.stderr:
        raise UserError(
            "this qemu-system-arm does not take the plugin that counts (bench/count.c; "
            f"QEMU 7.2 and 10.0 do): {done.stderr.strip().splitlines()[0]}"
        )
    if done.returncode:
        reason = EXITS.get(done.returncode, done.stderr.strip() or f"status {done.returncode}")
        raise UserError(f"{target}: the bench ended before its time: {reason}")


def run_image(target: str, image: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run an image on its emulated board until it ends; `folder` is where its files are."""
    program = shutil.which("qemu-system-arm")
    if program is None:
        raise UserError(
            "qemu-system-arm is not installed; on Debian or Ubuntu: sudo apt-get install qemu-system-arm"
        )
    command = [program, "-M", MACHINES[target], "-kernel", str(image), "-display", "none", "-monitor", "none"]
    command += ["-serial", "none", "-semihosting-config", "enable=on,target=native", *options]
    try:
        return subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{target}: {image.name} has not ended after {SECONDS:g} s") from error


def _plugin(api: int) -> Path:
    """Compile the counter for an interface version of QEMU's, where it is not there yet."""
    source = ROOT / "bench" / "count.c"
    built = ROOT / "build" / "bench" / f"libcount_{api}.so"
    if not built.is_file() or built.stat().st_mtime < source.stat().st_mtime:
        built.parent.mkdir(parents=True, exist_ok=True)
        with written(built) as part:
            flags = ["-std=c99", "-O2", "-shared", "-fPIC", f"-DPLUGIN_API={api}"]
            done = subprocess.run(["cc", *flags, source, "-o", part], capture_output=True, text=True)
            if done.returncode:
                raise UserError(f"bench/count.c does not compile: {done.stderr.strip()}")
    return built


def _records(data: bytes) -> list[bytes]:
    return [data[at : at + RESULT.size] for at in range(0, len(data), RESULT.size)]


def _cases(
    results: list[tuple[bytes, int, int, int]], counts: NDArray[np.void], timing: Timing | None
) -> dict[str, Case]:
    """Bring regions together by their names; each result is name, macs, checksum, stack."""
    starts = np.searchsorted(counts["region"], np.arange(len(results) + 1))
    regions: dict[str, list[int]] = {}
    for number, result in enumerate(results):
        regions.setdefault(result[0].rstrip(b"\0").decode(), []).append(number)
    cases = {}
    for name, numbers in regions.items():
        parts = [counts[starts[number] : starts[number + 1]] for number in numbers]
        instructions = [int(part["runs"].sum()) for part in parts]
        cycles = (
            [timing.estimate(part["address"], part["runs"], part["next"]) for part in parts] if timing else []
        )
        cases[name] = Case(
            macs=results[numbers[0]][1],
            instructions=round(sum(instructions) / len(parts)),
            cycles=round(sum(cycles) / len(parts)) if cycles else None,
            worst_instructions=max(instructions),
            worst_cycles=max(cycles, default=None),
            frames=len(parts),
            stack=max(results[number][3] for number in numbers),
            checksums=tuple(results[number][2] for number in numbers),
        )
    return cases
