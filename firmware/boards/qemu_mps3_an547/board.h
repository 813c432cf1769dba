/* SPDX-License-Identifier: BSD-3-Clause */
/* MPS3 with the AN547 image (Cortex-M55): addresses and memories. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

#define BOARD_NAME "qemu_m55 (mps3-an547)"
#define UART0 0x49303000u
#define UART0_RX_IRQ 33u

/* The counter of the FPGA's system registers; QEMU feeds it with 20 MHz. */
#define FPGAIO_COUNTER REG(0x49302018u)
#define FPGAIO_PRESCALE REG(0x4930201Cu)
#define TICK_NS 50u
#define SYSTICK_MHZ 32u

static inline void ticks_start(void)
{
    FPGAIO_PRESCALE = 0;
}

static inline uint32_t ticks(void)
{
    return FPGAIO_COUNTER;
}

#endif
