# SPDX-License-Identifier: BSD-3-Clause
"""Ambiq's Apollo4 Plus evaluation board, apollo4p_evb."""

import sys

import cortex_m
from SCons.Script import COMMAND_LINE_TARGETS, Action

BOARD = ["firmware/boards/apollo4p_evb", "firmware/boards/cortex_m"]
MACHINE = ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
UART_HZ = 24_000_000
ERROR_MAX = 0.02
DEVICE, ADDRESS = "AMAP42KK-KBR", "0x18000"


def uart_divisor(baud):
    """Divisor of the UART's clock in 64ths, from 1 to 65535: 16 x baud x divisor / 64 = clock."""
    return min(max((UART_HZ * 4 + baud // 2) // baud, 64), 65535 * 64)


def board_defines(baud=115200, high_performance=False):
    """Macros that the board's sources need."""
    return {
        "UART_BAUD": f"{baud}u",
        "UART_DIVISOR": f"{uart_divisor(baud)}u",
        "HIGH_PERFORMANCE": int(high_performance),
    }


def _baud(env):
    """Check baud=, and say what becomes of it."""
    text = env["baud"]
    if not (text.isascii() and text.isdecimal() and int(text)):
        cortex_m.stop(f"baud={text}: expected bits per second, like 115200")
    baud = int(text)
    divisor = uart_divisor(baud)
    rate = UART_HZ * 4 / divisor
    error = rate / baud - 1
    if abs(error) > ERROR_MAX:
        cortex_m.stop(
            f"baud={text}: the UART comes no nearer than {rate:.0f} bit/s, {error:+.1%} off where {ERROR_MAX:.0%} is "
            "bearable; docs/apollo4.md lists rates that fit"
        )
    whole, part = divmod(divisor, 64)
    print(f"UART0: {baud} bit/s, divisor {whole} + {part}/64 of 24 MHz: {rate:.0f} bit/s, {error:+.2%}")
    return baud


def build(env):
    """build/apollo4[_<baud>][_hp]; alias flash."""
    if "run" in COMMAND_LINE_TARGETS:
        cortex_m.stop(
            "target=apollo4 is a real board: write to it with `flash`, then stream with "
            "./nnsp stream_se --board=/dev/ttyACM0 --wav=demo/noisy.wav"
        )
    baud = _baud(env)
    variant = f"_{baud}" * (baud != 115200) + "_hp" * env["hp"]
    folder, name = cortex_m.build(env, BOARD, MACHINE, variant, board_defines(baud, env["hp"]))
    python = f'"{sys.executable}"'
    flash = f"{python} site_scons/flash_jlink.py $SOURCE {DEVICE} {ADDRESS}"
    env.AlwaysBuild(env.Alias("flash", f"{folder}/{name}.bin", Action(flash)))
