# SPDX-License-Identifier: BSD-3-Clause
"""The model of the Apollo4 Plus: what it objects to, and how its processor, UART, timer and microphone behave."""

import struct
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apollo4_model.board import Apollo4, Lines
from apollo4_model.processor import TICKS_HZ, Objection

PROGRAM = """
#define REG(address) (*(volatile unsigned *)(address))
#define SEEN(n) (((volatile unsigned *)0x10000000)[n])
void begin(void);
{handlers}
void stop(void) {{ for (;;) __asm volatile("wfi"); }}
__attribute__((section(".vectors"), used)) void *const vectors[100] = {{
    (void *){stack}, begin, [2 ... 99] = stop, {vectors}}};
__attribute__((noinline)) static void busy(unsigned turns) {{ while (turns--) __asm volatile(""); }}
void begin(void)
{{
    REG(0xE000ED08) = 0x18000;
{body}
    stop();
}}
"""
# A UART as it should be, step by step; a test plants another step in place of one.
UART = {
    "power": "REG(0x40021004) |= 1u << 9;",
    "wait": "while (!(REG(0x40021008) & 1u << 9)) {}",
    "unlock": "REG(0x40010200) = 0x73;",
    "pads": "REG(0x400100F0) = 0x404; REG(0x400100BC) = 0x14;",
    "lock": "REG(0x40010200) = 0;",
    "clock": "REG(0x4001C030) = 0; REG(0x4001C030) = 0x18;",
    "divisors": "REG(0x4001C024) = 13; REG(0x4001C028) = 1;",
    "format": "REG(0x4001C02C) = 0x70; REG(0x4001C034) = 0x12;",
    "enable": "REG(0x4001C030) = 0x319;",
    "rest": "REG(0x4001C000) = 'h'; REG(0x4001C000) = 'i';",
}
BUCK = {
    "trims": "REG(0x40020348) = 10u << 26 | 10u << 13; REG(0x4002035C) = 15u << 22 | 15u << 9;",
    "short": "REG(0x40020380) |= 1u << 31; REG(0x40020380) |= 1u << 30; REG(0x40020370) &= ~(0x3Fu << 20);",
    "rails": "REG(0x4002033C) = 0xF; REG(0x400201B0) &= ~0x18u;",
    "enable": "REG(0x40021100) |= 1; REG(0x40020378) |= 1u << 31;",
    "core": "REG(0x40020060) |= 7u << 17; REG(0x40020060) |= 1u << 16;",
    "memory": "REG(0x40020060) &= ~(1u << 4); REG(0x40020060) |= 7u << 1; REG(0x40020060) |= 1;",
    "rest": "REG(0x40020060) &= ~(1u << 9); REG(0x40020060) |= 7u << 6; REG(0x40020060) |= 1u << 5;",
    "wait": "for (int i = 0; i < 1000 && (REG(0x40021108) >> 4 & 3) != 3; i++) {}",
    "switch": "REG(0x40021000) = 2; while (!(REG(0x40021000) & 4)) {} SEEN(0) = REG(0x40021000);",
}
PDM = {
    "ssram": "REG(0x40021024) = 1; while (!(REG(0x40021028) & 1)) {}",
    "power": "REG(0x4002100C) |= 4; while (!(REG(0x40021010) & 4)) {}",
    "config": "REG(0x40201004) = 0x210C9060; REG(0x40201008) = 9;",
    "reset": "REG(0x40201000) = 4; busy(5000); REG(0x40201000) |= 1u << 4;",
    "pads": "REG(0x40010200) = 0x73; REG(0x400100C8) = 0x400; REG(0x400100CC) = 0x400; REG(0x40010200) = 0;",
    "dma": "REG(0x4020101C) = 20; REG(0x40201250) = 320; REG(0x40201154) = 0x10060000;",
    "trigger": "REG(0x40201140) = 1; REG(0x40201148) = 1;",
    "enable": "REG(0x40201000) |= 1; REG(0x40201000) |= 1u << 6;",
    "wait": "while (!(REG(0x40201104) & 8)) {}",
    "rest": "SEEN(0) = REG(0x10060000 + 4 * 5);",
    "invalidate": "REG(0x48000054) = 2; (void)REG(0x47FF0000);",
    "look": "SEEN(1) = REG(0x10060000 + 4 * 5);",
}


@dataclass
class Running:
    """A program on the model, and what it sends."""

    board: Apollo4
    lines: Lines

    def run(self, seconds: float) -> bytes:
        """Let model time pass; gives all that was sent so far."""
        end = self.board.cpu.now() + int(seconds * TICKS_HZ)
        while self.board.cpu.now() < end and not self.lines.idle:
            self.board.step(self.lines)
        return bytes(self.lines.to_host)

    def seen(self, number: int) -> int:
        """What the program noted under a number."""
        return int(struct.unpack("<I", self.board.cpu.load(0x10000000 + 4 * number, 4))[0])


def assemble(
    folder: Path, body: str, handlers: str = "", vectors: str = "", stack: str = "0x10060000"
) -> bytes:
    """Compile a program for 0x18000."""
    source, elf = folder / "program.c", folder / "program.elf"
    source.write_text(PROGRAM.format(body=body, handlers=handlers, vectors=vectors, stack=stack))
    command = [
        "arm-none-eabi-gcc",
        "-mcpu=cortex-m4",
        "-mthumb",
        "-mfloat-abi=hard",
        "-mfpu=fpv4-sp-d16",
        "-O1",
    ]
    command += ["-nostdlib", "-ffreestanding", "-Wl,--section-start=.vectors=0x18000,-Ttext=0x18200,-e,begin"]
    subprocess.run([*command, str(source), "-o", str(elf)], check=True)
    binary = elf.with_suffix(".bin")
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", str(elf), str(binary)], check=True)
    return binary.read_bytes()


def start(
    folder: Path, body: str, handlers: str = "", vectors: str = "", stack: str = "0x10060000", **part: Any
) -> Running:
    """A program on a board of this kind."""
    return Running(Apollo4(assemble(folder, body, handlers, vectors, stack), **part), Lines())


def steps(good: dict[str, str], **other: str) -> str:
    """The steps in their order, these replaced."""
    assert set(other) <= set(good)
    return "\n".join((good | other).values())


def test_a_uart_set_up_as_the_reference_says_sends(tmp_path: Path) -> None:
    assert start(tmp_path, steps(UART)).run(0.01) == b"hi"


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (
            {"power": "", "wait": ""},
            r"^0x4001C030 \(UART0\) is touched without power: set PWRCTRL\.DEVPWREN",
        ),
        ({"wait": ""}, r"UART0\) is touched without power: .* wait for DEVPWRSTATUS"),
        (
            {"unlock": ""},
            r"^GPIO\.PINCFG60 \(0x400100F0\): is written while PADKEY \(0x40010200\) is not 0x73",
        ),
        (
            {"pads": "REG(0x400100F0) = 0x403;"},
            r"^UART0 sends while GPIO\.PINCFG60 .* = 0x403; expected function 4",
        ),
        ({"pads": "REG(0x400100F0) = 0xC04;"}, r"^GPIO\.PINCFG60 .*: this pad drives at most 0\.5x"),
        (
            {"clock": "REG(0x4001C030) = 0;"},
            r"^UART0\.IBRD \(0x4001C024\): is written before CR bit 3 \(CLKEN\)",
        ),
        ({"clock": "REG(0x4001C030) = 0x58;"}, r"^UART0\.CR .*: CLKSEL = 5; expected 1 to 4"),
        (
            {"divisors": "REG(0x4001C024) = 6; REG(0x4001C028) = 33;"},
            r"IBRD 6 and FBRD 33 give 230216 bit/s, \+99\.8 % off the line's 115200; expected at most 2 %",
        ),
        (
            {"divisors": "", "format": "REG(0x4001C02C) = 0x70; REG(0x4001C024) = 13;"},
            r"before IBRD, FBRD and then LCRH",
        ),
        (
            {"format": "REG(0x4001C02C) = 0x72;"},
            r"^UART0\.LCRH .*: 0x72: the line has 8 data bits, no parity",
        ),
        ({"enable": ""}, r"^UART0\.DR \(0x4001C000\): is written while CR bits 0 and 8"),
        (
            {"rest": "for (int i = 0; i < 40; i++) REG(0x4001C000) = 'x';"},
            r"^UART0\.DR .* FIFO is full .* lost",
        ),
        ({"rest": "(void)REG(0x4001C000);"}, r"^UART0\.DR .*: is read while the FIFO is empty"),
        (
            {"rest": "*(volatile char *)0x4001C000 = 'x';"},
            r"^0x4001C000 is written with 8 bits; registers take 32",
        ),
        ({"rest": "REG(0x4001C048) = 1;"}, r"^0x4001C048 is written: the model knows no register there"),
        ({"rest": "REG(0x4001C034) = 5;"}, r"^UART0\.IFLS .*: there are levels 0 to 4 only"),
        (
            {"rest": "REG(0x4001C000) = 'x'; REG(0x4001C030) = 0;"},
            r"^UART0\.CR .*UARTEN is cleared while .*BUSY",
        ),
    ],
)
def test_a_uart_set_up_wrong_is_objected_to(tmp_path: Path, other: dict[str, str], sentence: str) -> None:
    with pytest.raises(Objection, match=sentence):
        start(tmp_path, steps(UART, **other)).run(0.01)


def test_a_receiving_pad_without_its_input(tmp_path: Path) -> None:
    program = start(tmp_path, steps(UART, pads="REG(0x400100F0) = 0x404; REG(0x400100BC) = 0x4;"))
    program.run(0.01)
    program.lines.to_board += b"x"
    program.lines.idle = False
    with pytest.raises(
        Objection, match=r"^UART0 receives while GPIO\.PINCFG47 .* = 0x4; expected .*INPEN \(0x14\)"
    ):
        program.run(0.01)


def test_192_mhz_as_the_reference_says(tmp_path: Path) -> None:
    program = start(tmp_path, steps(BUCK))
    program.run(0.01)
    assert program.seen(0) == 2 | 1 << 2 | 2 << 3


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"trims": ""}, r"^PWRCTRL\.VRCTRL .*too early: MCUCTRL\.SIMOBUCK3 \(0x40020348\)"),
        ({"short": ""}, r"too early: MCUCTRL\.PWRSW1 \(0x40020380\) bits 31 and 30 are not set"),
        (
            {"rails": "REG(0x4002033C) = 7;"},
            r"too early: MCUCTRL\.SIMOBUCK0 \(0x4002033C\) was not written 0xF",
        ),
        ({"rails": "REG(0x4002033C) = 0xF;"}, r"too early: MCUCTRL\.D2ASPARE \(0x400201B0\)"),
        ({"enable": "REG(0x40020378) |= 1u << 31;"}, r"bit 16 is set before PWRCTRL\.VRCTRL enables"),
        ({"enable": "REG(0x40021100) |= 1;"}, r"bit 16 is set before MCUCTRL\.SIMOBUCK15 bit 31"),
        (
            {"core": "REG(0x40020060) |= 1u << 16;"},
            r"^MCUCTRL\.VRCTRL \(0x40020060\): .* bit 16 .* before bits 17, 18, 19",
        ),
        ({"core": ""}, r"override bit 0 is set before bits 16 are as they must be"),
        ({"rest": "", "wait": ""}, r"^PWRCTRL\.MCUPERFREQ .*the SIMO buck is not active"),
        ({"wait": ""}, r"^PWRCTRL\.MCUPERFREQ \(0x40021000\): 192 MHz is asked for before PWRCTRL\.VRSTATUS"),
        ({"switch": "REG(0x40021000) = 0;"}, r"REQ = 0; expected 1 \(96 MHz\) or 2"),
    ],
)
def test_a_wrong_order_of_buck_and_192_mhz(tmp_path: Path, other: dict[str, str], sentence: str) -> None:
    with pytest.raises(Objection, match=sentence):
        start(tmp_path, steps(BUCK, **other)).run(0.01)


def test_192_mhz_on_parts_that_cannot(tmp_path: Path) -> None:
    with pytest.raises(Objection, match=r"MCUCTRL\.SKU bit 6 \(TURBOSPOT\) is 0"):
        start(tmp_path, steps(BUCK), turbospot=False).run(0.01)
    with pytest.raises(Objection, match=r"INFO1\.TRIM_REV \(0x42003310\) below 3"):
        start(tmp_path, steps(BUCK), trim_revision=2).run(0.01)
    with pytest.raises(Objection, match="the SIMO buck is not active"):
        start(tmp_path, steps(BUCK), buck_works=False).run(0.01)


def recording() -> np.ndarray:
    return np.random.default_rng(1).integers(-32768, 32768, 1000).astype(np.int16)


def test_a_microphone_as_the_reference_says(tmp_path: Path) -> None:
    """What DMA wrote is seen after the line buffers were invalidated, not before."""
    program = start(tmp_path, steps(PDM), microphone=recording())
    program.run(0.02)
    assert program.seen(0) == 0xEFBEADDE
    assert program.seen(1) >> 8 == int(recording()[5]) & 0xFFFF
    assert program.board.cpu.now() / TICKS_HZ > 80 / 16000


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"power": ""}, r"^0x40201004 \(PDM0\) is touched without power: set PWRCTRL\.AUDSSPWREN"),
        ({"ssram": ""}, r"^PDM0\.DMATARGADDR .*0x10060000 is not in the shared SRAM .* with power on"),
        (
            {"config": "REG(0x40201004) = 0x210C8C60; REG(0x40201008) = 5;"},
            r"PDM0 runs at 30000 Hz, the recording at 16000",
        ),
        ({"config": "REG(0x40201008) = 9;"}, r"^PDM0\.CORECFG0 .*MCLKDIV 3|PDM0 runs at \d+ Hz"),
        (
            {"reset": "REG(0x40201000) = 4; busy(100); REG(0x40201000) |= 1u << 4;"},
            r"PDM0\.CTRL .* within 50 us",
        ),
        ({"pads": ""}, r"^PDM0 is enabled while GPIO\.PINCFG50 .* = 0x3; expected function 0"),
        ({"dma": "REG(0x4020101C) = 10;"}, r"^PDM0\.FIFOTHR .*: 10; DMA takes 4, 8, 12"),
        ({"dma": "REG(0x4020101C) = 20; REG(0x40201250) = 100;"}, r"DMATOTCOUNT .*: 100 B are no multiple"),
        ({"dma": "REG(0x40201154) = 0x10060004;"}, r"DMATARGADDR .*not aligned to 16 bytes"),
        ({"dma": "REG(0x4020101C) = 20; REG(0x40201250) = 320;"}, r"0x10000000 is not in the shared SRAM"),
        ({"trigger": "REG(0x40201148) = 1;"}, r"^PDM0\.DMACFG .*: DMAEN is set before DMATRIGEN bit 0"),
        ({"enable": "REG(0x40201000) |= 1u << 6;"}, r"EN \(bit 6\) is set without CLKEN"),
    ],
)
def test_a_microphone_set_up_wrong_is_objected_to(
    tmp_path: Path, other: dict[str, str], sentence: str
) -> None:
    with pytest.raises(Objection, match=sentence):
        start(tmp_path, steps(PDM, **other), microphone=recording()).run(0.02)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "SEEN(0) = REG(0x10060000);",
            r"^0x10060000 \(shared SRAM\) is touched by 0x000182\w\w without power",
        ),
        ("REG(0x18000) = 1;", r"^0x00018000 \(MRAM\) is written by 0x000182"),
        ("SEEN(0) = REG(0x00000004);", r"^0x00000004 \(the boot loader's MRAM\) is touched by"),
        (
            '__asm volatile("vmov s0, r0");',
            r"^0x000182\w\w: an instruction of the FPU before CPACR \(0xE000ED88\)",
        ),
        ("SEEN(0) = REG(0xE0001004);", r"^0xE0001004: the DWT is read before DEMCR"),
        (
            "REG(0xE000E010) = 7;",
            r"^0xE000E010 = 0x00000007: a write of a system register that the model does not know",
        ),
        ("REG(0xE000ED08) = 0x18100;", r"^VTOR \(0xE000ED08\) = 0x00018100: .* aligned to 512 bytes"),
        ("REG(0xE000ED0C) = 4;", r"^AIRCR \(0xE000ED0C\) = 0x00000004: the key 0x05FA is missing"),
        (
            "REG(0xE000ED10) = 4; stop();",
            r"WFI with SCR \(0xE000ED10\) bit 2 set: the model knows no deep sleep",
        ),
        ("REG(0x40000000) = 1;", r"^RSTGEN\.CFG .*BODHREN"),
        ("REG(0x40004044) = 1u << 24;", r"^CLKGEN\.MISC .*bit 24"),
        ("REG(0x48000000) = 0x001007E1;", r"^CPU\.CACHECFG .*enabled in the write that configures it"),
        ("REG(0x40020280) = 1;", r"^MCUCTRL\.APBDMACTRL .*bit 1 is cleared"),
        ("REG(0x40024000) = 1;", r"^WDT\.CFG .*starts the watchdog"),
        ("REG(0x40008820) = 5;", r"^STIMER\.SCMPR0 .*is written while the timer stands"),
        (
            "REG(0x40008800) = 1; REG(0x40008820) = 5; REG(0x40008824) = 5;",
            r"within two ticks of the last compare",
        ),
    ],
)
def test_what_a_board_would_not_take(tmp_path: Path, body: str, sentence: str) -> None:
    with pytest.raises(Objection, match=sentence):
        start(tmp_path, body).run(0.01)


def test_a_stack_outside_the_tcm(tmp_path: Path) -> None:
    with pytest.raises(Objection, match=r"^SP = 0x10160000 in the vector table, .*must lie in the TCM"):
        start(tmp_path, "", stack="0x10160000").run(0.01)


INTERRUPTED = {
    "handlers": """
        void low(void) { SEEN(1)++; REG(0xE000E204) = 1u << 16; __asm volatile("isb\\nvmov.f32 s1, #2.0");
            SEEN(4) = SEEN(2); }
        void high(void) { unsigned n; __asm volatile("mrs %0, ipsr" : "=r"(n)); SEEN(2) = n; SEEN(3)++; }
    """,
    "vectors": "[16 + 15] = low, [16 + 48] = high,",
}


@pytest.mark.parametrize(("priorities", "seen_within"), [((0x40, 0x20), 64), ((0x40, 0x40), 0)])
def test_interrupts_nest_by_priority_and_keep_the_fpu(
    tmp_path: Path, priorities: tuple[int, int], seen_within: int
) -> None:
    body = f"""
        for (int i = 0; i < 8; i++) SEEN(i) = 0;
        REG(0xE000ED88) |= 0xFu << 20; __asm volatile("dsb\\nisb");
        *(volatile char *)0xE000E40F = {priorities[0]}; *(volatile char *)0xE000E430 = {priorities[1]};
        REG(0xE000E100) = 1u << 15; REG(0xE000E104) = 1u << 16;
        __asm volatile("vmov.f32 s1, #1.0\\ncpsid i" ::: "s1");
        REG(0xE000E200) = 1u << 15;
        SEEN(5) = SEEN(1);
        __asm volatile("cpsie i\\nnop\\nnop");
        __asm volatile("vmov %0, s1" : "=r"(SEEN(6)));
    """
    program = start(tmp_path, body, **INTERRUPTED)
    program.run(0.001)
    assert [program.seen(i) for i in (1, 2, 3, 4, 5)] == [1, 64, 1, seen_within, 0]
    assert program.seen(6) == 0x3F800000  # 1.0, though the handler had 2.0 there


def test_a_fault_has_its_frame_and_status(tmp_path: Path) -> None:
    handlers = """
        void report(unsigned *frame) { SEEN(0) = frame[6]; SEEN(1) = REG(0xE000ED28); SEEN(2) = REG(0xE000ED38);
            SEEN(3) = REG(0xE000ED2C); for (;;) __asm volatile("wfi"); }
        __attribute__((naked)) void fault(void) { __asm volatile("mov r0, sp\\nb report"); }
    """
    program = partial(start, tmp_path, handlers=handlers, vectors="[3] = fault,")
    first = program('(void)REG(0x60000000); __asm volatile("nop");')
    first.run(0.001)
    assert first.seen(1) == 1 << 15 | 1 << 9
    assert (first.seen(2), first.seen(3)) == (0x60000000, 1 << 30)
    assert 0x18200 <= first.seen(0) < 0x18300
    second = program('__asm volatile("udf #1");')
    second.run(0.001)
    assert (second.seen(1), second.board.cpu.load(second.seen(0), 2)) == (1 << 16, b"\x01\xde")


def test_the_transmit_interrupt_comes_on_the_way_down_only(tmp_path: Path) -> None:
    handlers = "void uart(void) { SEEN(0)++; SEEN(1) = REG(0x4001C040); REG(0x4001C044) = 0x7FF; }"
    setup = "SEEN(0) = 0; REG(0x4001C038) = 1u << 5; REG(0xE000E100) = 1u << 15;"
    for count, interrupts in ((10, 0), (17, 0), (18, 1), (33, 1)):
        rest = f"{setup} for (int i = 0; i < {count}; i++) REG(0x4001C000) = 'x';"
        program = start(tmp_path, steps(UART, rest=rest), handlers, "[16 + 15] = uart,")
        assert program.run(0.01) == b"x" * count
        assert program.seen(0) == interrupts
        if interrupts:
            assert program.seen(1) == 1 << 5


@pytest.mark.parametrize(("count", "cause"), [(7, 1 << 6), (16, 1 << 4)])
def test_received_bytes_interrupt_at_the_level_or_after_silence(
    tmp_path: Path, count: int, cause: int
) -> None:
    handlers = """
        void uart(void) { SEEN(2) = REG(0x4001C040); SEEN(1)++;
            while (!(REG(0x4001C018) & 16)) SEEN(0) += REG(0x4001C000);
            REG(0x4001C044) = 0x7FF; }
    """
    rest = "SEEN(0) = SEEN(1) = 0; REG(0x4001C038) = 5u << 4; REG(0xE000E100) = 1u << 15;"
    program = start(tmp_path, steps(UART, rest=rest), handlers, "[16 + 15] = uart,")
    program.run(0.001)
    program.lines.to_board += bytes([1] * count)
    program.lines.idle = False
    program.run(0.1)
    assert [program.seen(i) for i in range(3)] == [count, 1, cause]
    bits = 10 * count + 32 * (cause == 1 << 6)
    assert program.board.seconds == pytest.approx(bits / 115200, rel=0.05)


def test_a_receiver_that_nobody_empties_overruns(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        steps(UART, rest="busy(1000000); while (!(REG(0x4001C018) & 16)) SEEN(0) = REG(0x4001C000);"),
    )
    program.lines.to_board += bytes(range(1, 51))
    program.run(0.1)
    assert program.board.uart.overrun + program.board.uart.unheard == 50 - 32
    assert program.seen(0) & 0xFF == 32 + program.board.uart.unheard


def test_time_counts_instructions_and_sleep(tmp_path: Path) -> None:
    handlers = "void timer(void) { SEEN(2)++; REG(0x40008908) = 1; }"
    body = """
        SEEN(2) = 0;
        REG(0xE000EDFC) |= 1u << 24; REG(0xE0001004) = 0; REG(0xE0001000) |= 1;
        REG(0x40008800) = 1u | 1u << 8; REG(0x40008900) = 1; REG(0xE000E104) = 1;
        unsigned begin = REG(0x40008804), cycles = REG(0xE0001004);
        busy(100000);
        SEEN(0) = REG(0x40008804) - begin; SEEN(1) = REG(0xE0001004) - cycles;
        cycles = REG(0xE0001004);
        REG(0x40008820) = 6000 - 3;
        __asm volatile("wfi");
        SEEN(3) = REG(0xE0001004) - cycles; SEEN(4) = REG(0x40008804) - begin;
    """
    program = start(tmp_path, body, handlers, "[16 + 32] = timer,")
    program.run(1)
    assert program.seen(1) == pytest.approx(100000 * 3, rel=0.4)
    assert program.seen(0) == pytest.approx(program.seen(1) / 16, abs=2)  # 6 MHz against 96 MHz
    assert program.seen(2) == 1
    assert program.seen(3) < 100  # the cycle counter stands still while the processor sleeps
    assert program.seen(4) - program.seen(0) == pytest.approx(6000, abs=5)


def test_a_reset_is_told_from_power_on_and_keeps_what_it_keeps(tmp_path: Path) -> None:
    body = """
        SEEN(2) = SEEN(0);
        SEEN(0) = REG(0x4000885C);
        if (REG(0x400201C4) != 7) { REG(0x400201C4) = 7; SEEN(1) = SEEN(0); REG(0xE000ED0C) = 0x05FA0004; for (;;) {} }
    """
    program = start(tmp_path, body)
    program.run(0.01)
    assert program.board.resets == 1
    assert (program.seen(1), program.seen(0), program.seen(2)) == (1 << 1, 1 << 3, 1 << 1)


def test_lights_and_button(tmp_path: Path) -> None:
    body = """
        REG(0x40010200) = 0x73; REG(0x40010168) = 0x203; REG(0x40010048) = 0xE053; REG(0x40010200) = 0;
        REG(0x40010238 + 4) = 1u << 26; REG(0x40010258 + 4) = 1u << 26; REG(0x400102C0) = 1u << 18;
        __asm volatile("cpsid i"); REG(0xE000E104) = 1u << 24; __asm volatile("wfi");
        SEEN(0) = REG(0x400102C4); SEEN(1) = REG(0x40010204);
    """
    program = start(tmp_path, body)
    program.run(0.001)
    assert program.board.gpio.lit(90)
    program.board.gpio.set_outside(18, high=False)
    program.lines.idle = False
    program.run(0.001)
    assert program.seen(0) == 1 << 18
    assert not program.seen(1) >> 18 & 1
