# SPDX-License-Identifier: BSD-3-Clause
"""The emulated Cortex-M55 with Helium: QEMU's mps3-an547."""

import cortex_m

BOARD = ["firmware/boards/qemu_mps3_an547", "firmware/boards/qemu_mps", "firmware/boards/cortex_m"]
MACHINE = ["-mcpu=cortex-m55", "-mfloat-abi=hard"]


def build(env):
    cortex_m.build(env, BOARD, MACHINE)
