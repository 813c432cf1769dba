/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Digital microphone on PDM0: DMA fills one buffer after the other, the interrupt only names the
 * next. 16 kHz exactly come from the 24 MHz tap by dividers that the registers allow but nobody is
 * known to have used, so every start times the first buffers.
 */
#include "apollo4p.h"
#include "board.h"
#include "port.h"

#define BUFFERS 8u
#define BUFFER_SAMPLES 160u
#define BUFFER_BYTES (4u * BUFFER_SAMPLES)
#define BUFFER_TICKS (STIMER_HZ / 100u)
#define FIFO_SAMPLES 32u  /* probably: its count has six bits */
#define DMA_THRESHOLD 20u /* words; has to divide the buffer, and may be 4, 8, 12 ... 28 */

/* 24 MHz / 3 / 5 / (2 x 50) = 16 kHz */
#define CORECFG1_LEFT_DIV3 (1u << 0 | 2u << 2)
#define CORECFG0_DIV5_SINC50_0DB (3u << 5 | 4u << 10 | 50u << 14 | 8u << 21 | 8u << 26)

#define INTERRUPTS_USED \
    (PDM_INT_OVERFLOW | PDM_INT_UNDERFLOW | PDM_INT_DMA_COMPLETE | PDM_INT_DMA_ERROR)

static volatile uint32_t buffers[BUFFERS][BUFFER_SAMPLES]
    __attribute__((section(".ssram"), aligned(16)));
static bool memory_on;
static bool running;
static volatile uint32_t filled; /* buffers since the start; number filled is with the DMA */
static volatile uint32_t filled_at;
static volatile uint32_t lost;
static uint32_t taken;  /* buffers read to their end */
static uint32_t offset; /* samples read of the next */

bool microphone_init(void)
{
    PWRCTRL_SSRAMPWREN |= SSRAM0;
    memory_on = answers(&PWRCTRL_SSRAMPWRST, SSRAM0, SSRAM0);
    return memory_on;
}

static void dma_arm(void)
{
    PDM0_DMATARGADDR = (uint32_t)(uintptr_t)buffers[filled % BUFFERS];
    PDM0_DMATOTCOUNT = BUFFER_BYTES;
}

static void dma_start(void)
{
    PDM0_FIFOTHR = DMA_THRESHOLD;
    PDM0_DMACFG = 0;
    PDM0_DMATOTCOUNT = BUFFER_BYTES;
    PDM0_DMATARGADDR = (uint32_t)(uintptr_t)buffers[filled % BUFFERS];
    PDM0_DMATRIGEN = PDM_DMATRIGEN_THRESHOLD;
    PDM0_DMACFG = PDM_DMACFG_EN;
}

void microphone_interrupt(void)
{
    const uint32_t status = PDM0_INTSTAT;
    PDM0_INTCLR = status;
    if (status & PDM_INT_DMA_COMPLETE) {
        filled++;
        dma_arm();
        filled_at = ticks();
        if (filled - taken == BUFFERS) {
            lost += BUFFER_SAMPLES - offset;
            taken++;
            offset = 0;
        }
        event = true;
    }
    if (status & PDM_INT_OVERFLOW) {
        PDM0_FIFOFLUSH = 1;
        lost += FIFO_SAMPLES;
    }
    if (status & PDM_INT_DMA_ERROR) {
        dma_start();
        lost += BUFFER_SAMPLES;
    }
}

/* Whether buffers come, and at the right rate. */
static bool in_time(void)
{
    uint32_t times[3] = {0};
    for (uint32_t i = 0; i < 3u; i++) {
        const uint32_t begin = ticks();
        while (filled <= i) {
            if (ticks() - begin > 3u * BUFFER_TICKS) {
                return false;
            }
        }
        times[i] = filled_at;
    }
    const uint32_t took = times[2] - times[0];
    return took > 2u * BUFFER_TICKS * 98u / 100u && took < 2u * BUFFER_TICKS * 102u / 100u;
}

bool port_microphone_start(void)
{
    port_microphone_stop();
    if (!memory_on) {
        return false;
    }
    PWRCTRL_AUDSSPWREN |= AUDSSPWR_PDM0;
    running = true;
    if (!answers(&PWRCTRL_AUDSSPWRSTATUS, AUDSSPWR_PDM0, AUDSSPWR_PDM0)) {
        PWRCTRL_AUDSSPWREN &= ~AUDSSPWR_PDM0;
        running = false;
        return false;
    }
    filled = 0;
    taken = 0;
    offset = 0;
    PDM0_CORECFG0 = CORECFG0_DIV5_SINC50_0DB;
    PDM0_CORECFG1 = CORECFG1_LEFT_DIV3;
    PDM0_CTRL = PDM_CTRL_HFRC_24MHZ;
    wait_us(100);
    PDM0_CTRL |= PDM_CTRL_RSTB;
    pad(PAD_PDM0_CLK, PAD_PDM0_WORD);
    pad(PAD_PDM0_DATA, PAD_PDM0_WORD);
    PDM0_FIFOFLUSH = 1;
    PDM0_INTCLR = INTERRUPTS_USED;
    PDM0_INTEN = INTERRUPTS_USED;
    NVIC_ENABLE(PDM0_IRQ) = NVIC_BIT(PDM0_IRQ);
    PDM0_CTRL &= ~PDM_CTRL_RSTB;
    wait_us(50);
    PDM0_CTRL |= PDM_CTRL_RSTB;
    PDM0_CTRL |= PDM_CTRL_CLKEN;
    PDM0_CTRL |= PDM_CTRL_EN;
    dma_start();
    if (!in_time()) {
        port_microphone_stop();
        return false;
    }
    /* The filters have settled meanwhile; the stream begins here. */
    const uint32_t before = interrupts_mask();
    taken = filled;
    lost = 0;
    interrupts_restore(before);
    return true;
}

void port_microphone_stop(void)
{
    if (!running) {
        return;
    }
    PDM0_CTRL &= ~PDM_CTRL_CLKEN;
    PDM0_DMACFG = 0;
    PDM0_INTEN = 0;
    PDM0_INTCLR = INTERRUPTS_USED;
    PDM0_DMATOTCOUNT = 0;
    PDM0_CTRL &= ~PDM_CTRL_EN;
    NVIC_DISABLE(PDM0_IRQ) = NVIC_BIT(PDM0_IRQ);
    (void)SYNC_READ;
    NVIC_UNPEND(PDM0_IRQ) = NVIC_BIT(PDM0_IRQ);
    PWRCTRL_AUDSSPWREN &= ~AUDSSPWR_PDM0;
    running = false;
}

size_t port_microphone_read(int16_t *samples, size_t count)
{
    /* Were the oldest buffer dropped meanwhile, the DMA would write where this reads. */
    const uint32_t before = interrupts_mask();
    const bool there = running && (filled - taken) * BUFFER_SAMPLES - offset >= count;
    if (there) {
        ram_synchronise();
        for (size_t i = 0; i < count; i++) {
            /* 24 bits a word. */
            samples[i] = (int16_t)(uint16_t)(buffers[taken % BUFFERS][offset] >> 8);
            if (++offset == BUFFER_SAMPLES) {
                offset = 0;
                taken++;
            }
        }
    }
    interrupts_restore(before);
    return there ? count : 0;
}

uint32_t port_microphone_lost(void)
{
    return lost;
}
