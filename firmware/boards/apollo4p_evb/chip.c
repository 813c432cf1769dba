/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every block of the chip needs: polls with an end, time, pads, and RAM that DMA and processor
 * see alike.
 */
#include "apollo4p.h"
#include "board.h"

#define POLLS 100000u
#define FLUSH_POLLS 1000u /* 32 lines are out long before; a frame of audio has no time for more */

volatile bool event;

bool answers(const volatile uint32_t *from, uint32_t mask, uint32_t value)
{
    for (uint32_t polls = 0; polls < POLLS; polls++) {
        if ((*from & mask) == value) {
            return true;
        }
    }
    return false;
}

uint32_t ticks(void)
{
    /*
     * The timer has a clock of its own, and a read in mid-change may be wrong: take one that agrees
     * with the one before.
     */
    uint32_t before = STIMER_STTMR;
    uint32_t now = STIMER_STTMR;
    for (uint32_t tries = 0; now - before > 10u * TICKS_PER_US && tries < 8u; tries++) {
        before = now;
        now = STIMER_STTMR;
    }
    return now;
}

void wait_us(uint32_t microseconds)
{
    /* A poll takes more than ten cycles: the bound is for a timer that stands still. */
    const uint32_t begin = ticks();
    for (uint32_t polls = 0;
         polls < 40u * microseconds && ticks() - begin <= TICKS_PER_US * microseconds; polls++) {
    }
}

void pad(uint32_t number, uint32_t word)
{
    GPIO_PADKEY = PADKEY_OPEN;
    GPIO_PINCFG(number) = word;
    GPIO_PADKEY = 0;
}

void ram_synchronise(void)
{
    __asm volatile("dsb" ::: "memory");
    CPU_DAXICTRL = DAXICTRL_FLUSH;
    (void)SYNC_READ;
    for (uint32_t polls = 0; polls < FLUSH_POLLS && !(CPU_DAXICTRL & DAXICTRL_READY); polls++) {
    }
    CPU_DAXICTRL = DAXICTRL_INVALIDATE;
    (void)SYNC_READ;
}
