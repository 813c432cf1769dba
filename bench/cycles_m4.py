# SPDX-License-Identifier: BSD-3-Clause
"""Cycles of a Cortex-M4, estimated from how often each instruction ran.

The rules are those of Arm's Technical Reference Manual (DDI 0439, instruction timings):

- 1 cycle for every data-processing, multiply and DSP instruction, for IT, and for an instruction whose condition fails.
- A single load takes 2, but 1 when the instruction that ran just before it, at the neighbouring address, was a single
  load too, whose result is not part of this load's address.
- A single store takes 1; with a register as offset 2, but 1 right after a single load.
- LDRD and STRD take 3; LDM, STM, PUSH and POP 1 + registers; VLDR, VSTR, VLDM, VSTM, VPUSH and VPOP 1 + words.
- A taken branch, and any other instruction that changes the program counter, takes P more to refill the pipeline. The
  manual says 1 to 3, by alignment and speculation; here it is always `REFILL` = 2. TBB and TBH take 2 + P.
- SDIV and UDIV take 2 to 12, by their operands; here always 12. VDIV and VSQRT take 14, VMLA and its like 3.

What no rule here sees: wait states of flash and bus, caches, unaligned accesses (one more each), the cycle that a load
or store waits when the instruction before has just computed its address, and a PC-relative load that meets a fetch.
A load whose condition fails counts as if it ran. So the estimate is for code and data in memory without wait states.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REFILL = 2
DIVIDE = 12

_CONDITION = r"(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al)?"
_LINE = re.compile(r"^ *([0-9a-f]+):\t([0-9a-f ]+?) *\t(\S+)(?:\t([^;@\n]*))?", re.MULTILINE)
_LOAD = re.compile(rf"ldr(?:s?[bh]|ex[bh]?)?t?{_CONDITION}")
_STORE = re.compile(rf"str(?:[bh]|ex[bh]?)?t?{_CONDITION}")
_DOUBLE = re.compile(rf"(?:ldr|str)d{_CONDITION}")
_MULTIPLE = re.compile(rf"(?:(?:ldm|stm)(?:ia|db)?|push|pop){_CONDITION}")
_VECTOR = re.compile(rf"v(?:(?:ldm|stm)(?:ia|db)?|push|pop|ldr|str){_CONDITION}")
_DIVISION = re.compile(rf"[su]div{_CONDITION}")
_SLOW_FLOAT = re.compile(rf"v(?:div|sqrt){_CONDITION}")
_FLOAT_ACCUMULATE = re.compile(rf"vf?n?m[la][as]?{_CONDITION}")


@dataclass(frozen=True)
class Instruction:
    """One line of a disassembly; `mnemonic` without width and type."""

    address: int
    size: int
    mnemonic: str
    operands: str


def parse(listing: str) -> list[Instruction]:
    """Read what ``objdump -d`` prints; data between the code is left out."""
    return [
        Instruction(
            int(address, 16), len(code.replace(" ", "")) // 2, name.split(".")[0], (operands or "").strip()
        )
        for address, code, name, operands in _LINE.findall(listing)
        if not name.startswith(".")
    ]


def base_cycles(instruction: Instruction) -> int:
    """Return the cycles of an instruction on its own, without a refill."""
    name, operands = instruction.mnemonic, instruction.operands
    if _DOUBLE.fullmatch(name):
        return 3
    if _LOAD.fullmatch(name) or name in ("tbb", "tbh"):
        return 2
    if _STORE.fullmatch(name):
        return 2 if _has_register_offset(operands) else 1
    if _MULTIPLE.fullmatch(name) or _VECTOR.fullmatch(name):
        return 1 + _words(operands)
    if _DIVISION.fullmatch(name):
        return DIVIDE
    if _SLOW_FLOAT.fullmatch(name):
        return 14
    if _FLOAT_ACCUMULATE.fullmatch(name):
        return 3
    if name.startswith("vmov") and operands.count(",") == 2:
        return 2
    return 1


def is_chained(before: Instruction, now: Instruction) -> bool:
    """Return whether `now`, right after the single load `before`, takes one cycle less."""
    if not _LOAD.fullmatch(before.mnemonic):
        return False
    if _STORE.fullmatch(now.mnemonic):
        return _has_register_offset(now.operands)
    if not _LOAD.fullmatch(now.mnemonic):
        return False
    result = before.operands.split(",")[0]
    return result not in re.findall(r"\w+", now.operands.partition("[")[2].partition("]")[0])


def _has_register_offset(operands: str) -> bool:
    return re.search(r"\[\w+, *[a-z]", operands) is not None


def _words(operands: str) -> int:
    """Count the 32-bit words of a register list, or of the single register of VLDR and VSTR."""
    _, brace, inside = operands.partition("{")
    words = 0
    for part in (inside.rstrip("} ") if brace else operands.split(",")[0]).split(","):
        first, _, last = part.strip().partition("-")
        count = int(last[1:]) - int(first[1:]) + 1 if last else 1
        words += count * (2 if first.startswith("d") else 1)
    return words


class Timing:
    """The cycles of one program.

    Parameters
    ----------
    listing : str
        What ``objdump -d`` prints of it.
    """

    def __init__(self, listing: str) -> None:
        program = {instruction.address: instruction for instruction in parse(listing)}
        size = max(program, default=0) // 2 + 1
        self._known = np.zeros(size, dtype=bool)
        self._cycles = np.zeros(size, dtype=np.int64)
        self._is_long = np.zeros(size, dtype=np.int64)
        chains = []
        ends = {each.address + each.size: each for each in program.values()}
        for address, instruction in program.items():
            self._known[address // 2] = True
            self._cycles[address // 2] = base_cycles(instruction)
            self._is_long[address // 2] = instruction.size == 4
            before = ends.get(address)
            if before and is_chained(before, instruction):
                chains.append((before.address // 2, address // 2))
        self._chains = np.array(chains, dtype=np.int64).reshape(-1, 2)

    def estimate(
        self, address: NDArray[np.uint32], runs: NDArray[np.uint32], following: NDArray[np.uint32]
    ) -> int:
        """Estimate the cycles of a run.

        Parameters
        ----------
        address : uint32 [n]
            Of every instruction that ran.
        runs : uint32 [n]
            How often it did.
        following : uint32 [n, 2]
            How often what ran next was 2 bytes, and 4 bytes, after it.

        Raises
        ------
        ValueError
            An address is not in the listing.
        """
        at = address.astype(np.int64) // 2
        if at.size and (at.max() >= len(self._known) or not self._known[at].all()):
            raise ValueError("an instruction ran that is not in the listing")
        ran, went_on = np.zeros((2, len(self._known)), dtype=np.int64)
        ran[at] = runs
        went_on[at] = following[np.arange(len(at)), self._is_long[at]]
        before, now = self._chains.T
        chained = np.minimum(went_on[before], ran[now]).sum()
        return int((ran * self._cycles).sum() + REFILL * (ran - went_on).sum() - chained)
