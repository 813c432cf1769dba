/* SPDX-License-Identifier: BSD-3-Clause */
/* 84 interrupts; what has no handler here is a fault. */
#include "apollo4p.h"
#include "board.h"
#include "startup.h"

__attribute__((section(".vectors"), used)) const handler vectors[16u + INTERRUPTS] = {
    (handler)stack_top,
    reset,
    [2 ... 15 + UART0_IRQ] = fault,
    [16 + UART0_IRQ] = uart_interrupt,
    [17 + UART0_IRQ... 15 + PDM0_IRQ] = fault,
    [16 + PDM0_IRQ] = microphone_interrupt,
    [17 + PDM0_IRQ... 15 + INTERRUPTS] = fault,
};
