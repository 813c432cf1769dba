"""The emulated Cortex-M4F: QEMU's mps2-an386."""

import cortex_m

MACHINE = ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]


def build(env):
    cortex_m.build(env, "qemu_mps2_an386", MACHINE, "armv7em")
