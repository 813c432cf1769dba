/* SPDX-License-Identifier: BSD-3-Clause */
/* MPS2 with the AN386 image (Cortex-M4F): addresses and memories. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

#define BOARD_NAME "qemu_m4 (mps2-an386)"
#define UART0 0x40004000u
#define UART0_RX_IRQ 0u

/* TIMER0 (DDI 0479, section 4.1) counts down at 25 MHz. */
#define TIMER_CTRL REG(0x40000000u)
#define TIMER_VALUE REG(0x40000004u)
#define TIMER_RELOAD REG(0x40000008u)
#define TICK_NS 40u
#define SYSTICK_MHZ 25u

static inline void ticks_start(void)
{
    TIMER_RELOAD = 0xFFFFFFFFu;
    TIMER_VALUE = 0xFFFFFFFFu;
    TIMER_CTRL = 1;
}

static inline uint32_t ticks(void)
{
    return ~TIMER_VALUE;
}

#endif
