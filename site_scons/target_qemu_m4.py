# SPDX-License-Identifier: BSD-3-Clause
"""The emulated Cortex-M4F: QEMU's mps2-an386."""

import cortex_m

BOARD = ["firmware/boards/qemu_mps2_an386", "firmware/boards/qemu_mps", "firmware/boards/cortex_m"]
MACHINE = ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]


def build(env):
    cortex_m.build(env, BOARD, MACHINE)
