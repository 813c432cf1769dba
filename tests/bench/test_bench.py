# SPDX-License-Identifier: BSD-3-Clause
"""The bench: its counts, its model of cycles, its budget."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import candidates
import cycles_m4
import measure
import report
from nnsp.device.boards import MACHINES, build_image, open_board
from nnsp.device.kept import play
from nnsp.device.link import Link
from nnsp.errors import UserError
from nnsp.places import ROOT
from report import Figures

pytestmark = pytest.mark.slow

PROGRAM = """
    .syntax unified
    .cpu cortex-m4
    .thumb
    .global _start, region_begin, region_end
    .type _start, %function
    .type region_begin, %function
    .type region_end, %function
    .word 0x20010000, _start
region_begin: bx lr
region_end: bx lr
_start:
    ldr r4, =0x20000000
    bl region_begin
    movs r0, #3
loop:
    ldr r1, [r4]
    ldr r2, [r4, #4]
    subs r0, #1
    bne loop
    it ne
    movne r3, #1
    bl region_end
    bl region_begin
    ldrd r2, r3, [r4]
    bl region_end
    movs r0, #0x18
    ldr r1, =0x20026
    bkpt 0xAB
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image whose counts are known by looking at it."""
    folder = tmp_path_factory.mktemp("program")
    source, image = folder / "program.s", folder / "program.elf"
    source.write_text(PROGRAM)
    command = [
        "arm-none-eabi-gcc",
        "-mcpu=cortex-m4",
        "-nostdlib",
        "-Wl,-Ttext=0",
        str(source),
        "-o",
        str(image),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return image


def test_counts_and_cycles_of_a_known_program(program: Path, tmp_path: Path) -> None:
    measure.count("qemu_m4", program, tmp_path)
    counts = np.fromfile(tmp_path / "counts.bin", measure.COUNT)
    timing = cycles_m4.Timing(measure.binutils("objdump", "-d", program))
    found = []
    for region in (0, 1):
        part = counts[counts["region"] == region]
        cycles = timing.estimate(part["address"], part["runs"], part["next"])
        found.append((int(part["runs"].sum()), int(part["runs"].sum() - part["next"].sum()), cycles))
    # movs, three times four, it, movne that fails; loads 2 + 1, two taken branches.
    assert found == [(15, 2, 1 + 3 * (2 + 1 + 1 + 1) + 2 * cycles_m4.REFILL + 2), (1, 0, 3)]


def listing(*lines: str) -> str:
    """A disassembly of these instructions, one after another from 0; a name with .w takes four bytes."""
    text, address = "", 0
    for line in lines:
        name, _, operands = line.partition(" ")
        size = 4 if name.endswith(".w") else 2
        code = " ".join(["bf00"] * (size // 2))
        text += f"{address:8x}:\t{code:9} \t{name}\t{operands}\n"
        address += size
    return text


def cycles_once(*lines: str) -> int:
    """Cycles of a straight run."""
    text = listing(*lines)
    program = cycles_m4.parse(text)
    address = np.array([each.address for each in program], np.uint32)
    following = np.array([[each.size == 2, each.size == 4] for each in program], np.uint32)
    return cycles_m4.Timing(text).estimate(address, np.ones_like(address), following)


@pytest.mark.parametrize(
    ("lines", "cycles"),
    [
        (["smlald.w r0, r1, r2, r3", "sxtb16.w r0, r1", "muls r0, r1"], 3),
        (["ldr r0, [r1, #4]"], 2),
        (["ldr r0, [r1, #4]", "ldrsh.w r2, [r3]", "ldrb r4, [r5, r6]"], 4),
        (["ldr r0, [r1], #4", "nop", "ldr r2, [r1]"], 5),
        (["ldr r0, [r1]", "ldr r2, [r0]"], 4),
        (["ldr r0, [r1]", "ldr r2, [r3, r0, lsl #2]"], 4),
        (["str r0, [r1, #4]", "strh r0, [r1]"], 2),
        (["str r0, [r1, r2]"], 2),
        (["ldr r0, [r1]", "str r0, [r1, r2]"], 3),
        (["ldr r0, [r1]", "str r0, [r1]", "ldr r2, [r3]"], 5),
        (["ldrd.w r0, r1, [r2]", "ldr r3, [r4]"], 5),
        (["ldmia r0!, {r2, r3, r4, r5}"], 5),
        (["stmdb.w sp!, {r4-r11, lr}"], 10),
        (["push {r4, lr}", "pop {r4, pc}"], 6),
        (["vpush {d8-d9}", "vldmia r0!, {s0-s3}", "vldr d0, [r0]", "vstr s0, [r0]"], 5 + 5 + 3 + 2),
        (["udiv.w r0, r1, r2"], 12),
        (["it eq", "ldreq.w r0, [r1]", "addne r0, #1"], 4),
        (["vmov r0, r1, d0", "vmov s0, r0"], 3),
        (["bl.w 0 <f>", "cbz r0, 0 <f>", "bx lr"], 3),
        (["tbb.w [pc, r0]"], 2),
    ],
)
def test_cycles(lines: list[str], cycles: int) -> None:
    assert cycles_once(*lines) == cycles


def test_cycles_of_a_load_that_is_jumped_to() -> None:
    """A load behind a load takes 1 only when it was reached from there."""
    timing = cycles_m4.Timing(listing("ldr r0, [r1]", "ldr r2, [r3]", "bne 2"))
    address = np.array([0, 2, 4], np.uint32)
    runs, following = np.array([1, 5, 5], np.uint32), np.array([[1, 0], [5, 0], [1, 0]], np.uint32)
    assert timing.estimate(address, runs, following) == 2 + (1 + 4 * 2) + 5 + 4 * cycles_m4.REFILL
    with pytest.raises(ValueError, match="not in the listing"):
        timing.estimate(np.array([6], np.uint32), runs[:1], following[:1])


def test_cycles_of_a_jump_over_one_instruction() -> None:
    """A short branch to 4 bytes on is a jump, a long instruction before its neighbour is none."""
    timing = cycles_m4.Timing(listing("beq 4", "nop", "add.w r0, r0, #1", "nop"))
    address = np.array([0, 4, 8], np.uint32)
    following = np.array([[0, 1], [0, 1], [1, 0]], np.uint32)
    assert timing.estimate(address, np.ones_like(address), following) == 3 + cycles_m4.REFILL


def test_data_is_no_instruction() -> None:
    text = listing("ldr r0, [pc, #0]") + "       2:\t12345678 \t.word\t0x12345678\n"
    assert [each.mnemonic for each in cycles_m4.parse(text)] == ["ldr"]


@pytest.fixture(scope="module")
def measured() -> list[measure.Measured]:
    return [measure.measure(target, portable, print) for target in MACHINES for portable in (False, True)]


@pytest.fixture
def figures(measured: list[measure.Measured]) -> Figures:
    return report.figures([each for each in measured if not each.portable])


def test_every_image_computes_the_same(measured: list[measure.Measured]) -> None:
    report.check_agreement(measured)
    cases = dict(measured[0].cases)
    cases["fc_72_288"] = replace(cases["fc_72_288"], checksums=(1,))
    with pytest.raises(UserError, match=r"^qemu_m4: fc_72_288: the output is not that of the portable C"):
        report.check_agreement([replace(measured[0], cases=cases), *measured[1:]])


def test_nothing_is_over_budget(figures: Figures) -> None:
    wrong = report.regressions(report.read(ROOT / "bench" / "budget.json"), figures)
    assert not wrong, "\n".join(wrong)


def test_counts_are_the_same_at_every_run(measured: list[measure.Measured]) -> None:
    again = measure.measure("qemu_m4", False, print)
    assert again.cases == measured[0].cases


@pytest.mark.parametrize("target", MACHINES)
def test_frames_agree_with_the_clock_of_the_emulator(measured: list[measure.Measured], target: str) -> None:
    """The firmware counts by -icount and a timer, the bench by its plugin."""
    with open_board(target, build_image(target, "se")) as port:
        link = Link(port)
        streamed = play(link, link.hello(), measure.speech())
        link.exit()
    own = next(each for each in measured if each.name == target)
    case = own.cases["frame_se_bands"]
    work = streamed.work[-case.frames :].astype(int)
    # The clock is right to one or two instructions, copies of samples differ with their addresses, and the firmware's
    # hop has a few instructions around the enhancer, for the other networks that it might have.
    assert abs(work.mean() - case.instructions) <= 40
    assert abs(work.max() - case.worst_instructions) <= 40


CANDIDATE = """
input_neurons {inputs}
dropprob 0
layer_type lstm
layer_neurons 20
layer_type fc
layer_neurons {outputs}
activation sigmoid
"""


def test_a_network_that_nobody_has_trained(measured: list[measure.Measured], tmp_path: Path) -> None:
    sizes = {"mel": (30, 257), "pspec": (257, 257), "bands": (30, 30)}
    texts = [tmp_path / f"def_{name}.txt" for name in sizes]
    for path, (inputs, outputs) in zip(texts, sizes.values(), strict=True):
        path.write_text(CANDIDATE.format(inputs=inputs, outputs=outputs))
    candidates.write(texts, measure.CANDIDATES, measure.speech(), ["other"])
    more = measure.measure("qemu_m4", False, print, [measure.FIRMWARE, measure.CANDIDATES])
    assert more.cases.keys() - measured[0].cases.keys() == {
        f"{part}_{name}" for part in ("frame", "network") for name in sizes
    }
    for name, (inputs, outputs) in sizes.items():
        case = more.cases[f"frame_{name}"]
        assert case.macs == 80 * (inputs + 20) + 20 * outputs
        assert case.cycles is not None and case.cycles > case.instructions > case.macs
        assert len(set(case.checksums)) > 50  # not silence
        assert more.tables[f"frame_{name}"] > case.macs
    with pytest.raises(UserError, match=r"def_mel\.txt: two networks mel; give the text a name of its own"):
        candidates.write(texts, measure.CANDIDATES, measure.speech(), ["mel"])


def test_tables(measured: list[measure.Measured]) -> None:
    text = report.text(measured)
    row = next(line for line in text.splitlines() if line.startswith("fc_72_288"))
    assert re.fullmatch(r"fc_72_288 +20736 +\d+ +\d\.\d\d +\d+ +\d\.\d\d +\d+ +\d\.\d\d +\d+\.\dx", row)
    rows = report.markdown(measured).splitlines()
    assert len({line.count("|") for line in rows[: rows.index("")]}) == 1


def test_regressions_name_case_figure_and_budget() -> None:
    budget: Figures = {"qemu_m4": {"fc": {"macs": 10, "instructions": 1000, "cycles": 2000}}}
    slower: Figures = {"qemu_m4": {"fc": {"macs": 10, "instructions": 1021, "cycles": 2040}}}
    assert report.regressions(budget, slower) == [
        "qemu_m4 fc: instructions 1021, budget 1000: 2.1% more, 2% are allowed; make it as small again, or accept it "
        "with ./nnsp bench --update and say why in the commit"
    ]
    other: Figures = {
        "qemu_m4": {"fc": {"macs": 12, "instructions": 1, "cycles": None}, "new": {"macs": 0, "code": 9}}
    }
    assert [sentence.split(";")[0] for sentence in report.regressions(budget, other)] == [
        "qemu_m4 fc: macs 12, not 10: the case does other work",
        "qemu_m4 fc: cycles 2000 is in the budget and not measured",
        "qemu_m4 new: macs 0 has no budget",
    ]
    assert report.compared(budget, slower) == (
        "qemu_m4 fc: instructions 1000 -> 1021 (+2.1%)\nqemu_m4 fc: cycles 2000 -> 2040 (+2.0%)"
    )
    assert report.compared(budget, budget) == "no figure differs"


def test_figures_survive_their_file(tmp_path: Path, figures: Figures) -> None:
    path = tmp_path / "figures.json"
    report.write(path, figures)
    assert report.read(path) == figures
    for text in ("[]", "{", '{"qemu_m4": {"fc": {"macs": 1}}}', '{"qemu_m4": 1}'):
        path.write_text(text)
        with pytest.raises(UserError, match=r"figures\.json: not what \./nnsp bench --json writes"):
            report.read(path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--compare=none.json"], r"none\.json: cannot be read: No such file or directory; .*"),
        (["--nn_arch", "none.txt"], r"none\.txt: .*"),
        (["--nn_arch", "none.txt", "--update"], "--nn_arch cannot be combined with --check or --update: .*"),
    ],
)
def test_what_the_command_says_to_a_slip(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    command = [sys.executable, str(ROOT / "bench" / "bench.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(f"bench: {sentence}\n", done.stderr)


def test_a_qemu_that_takes_no_plugin(tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "qemu-system-arm"
    fake.write_text("#!/bin/sh\necho 'qemu-system-arm: -plugin file=x: invalid option' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(
        UserError, match=r"^this qemu-system-arm does not take the plugin that counts .*invalid option$"
    ):
        measure.count("qemu_m4", program, tmp_path)
