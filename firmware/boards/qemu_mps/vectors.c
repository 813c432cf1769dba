/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts stay masked: the port polls, and an interrupt only ends its sleep. So every entry is a
 * fault.
 */
#include "startup.h"

__attribute__((section(".vectors"), used)) const handler vectors[16 + 64] = {
    (handler)stack_top,
    reset,
    [2 ... 16 + 63] = fault,
};
