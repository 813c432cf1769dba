/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A microphone for an emulated board: 16-bit samples at 16 kHz from the file that QEMU's
 * semihosting argument microphone=PATH names, and silence after its end. It follows the
 * emulated clock at half speed: under -icount shift=6 the processor executes 15.6
 * million instructions a second, which is less than a frame of a larger network needs.
 */
#include "microphone.h"

#include <string.h>

#include "board.h"
#include "port.h"
#include "semihosting.h"

#define RATE 16000u
#define KEPT 320u /* two hops of 10 ms */
#define BLOCK 32u /* samples come in, and are lost, so many at a time */
#define SAMPLE_NS 125000u
#define BLOCK_TICKS (BLOCK * SAMPLE_NS / TICK_NS)

/*
 * SysTick, and the register that clears its pending interrupt (Armv7-M reference manual, B3.3 and
 * B3.2.4).
 */
#define SYST_CSR REG(0xE000E010u)
#define SYST_RVR REG(0xE000E014u)
#define SYST_CVR REG(0xE000E018u)
#define ICSR REG(0xE000ED04u)
#define PENDSTCLR (1u << 25)

static const char prefix[] = "microphone=";
static int32_t file = -1;
static bool running;
static uint32_t due;   /* tick of the next block */
static uint32_t heard; /* samples since the start */
static uint32_t taken;
static uint32_t lost;

uint32_t microphone_open(void)
{
    char line[512];
    const uint32_t get[2] = {(uint32_t)(uintptr_t)line, sizeof line};
    if (semihosting(SYS_GET_CMDLINE, get) == 0 && strncmp(line, prefix, sizeof prefix - 1) == 0) {
        const char *path = line + sizeof prefix - 1;
        const uint32_t open[3] = {(uint32_t)(uintptr_t)path, 1 /* rb */, (uint32_t)strlen(path)};
        file = semihosting(SYS_OPEN, open);
    }
    return file < 0 ? 0 : RATE;
}

static void hear(void)
{
    while ((int32_t)(ticks() - due) >= 0) {
        heard += BLOCK;
        due += BLOCK_TICKS;
    }
    if (heard - taken > KEPT) {
        lost += heard - taken - KEPT;
        taken = heard - KEPT;
    }
}

bool port_microphone_start(void)
{
    running = file >= 0;
    heard = taken = lost = 0;
    due = ticks() + BLOCK_TICKS;
    return running;
}

void port_microphone_stop(void)
{
    running = false;
}

size_t port_microphone_read(int16_t *samples, size_t count)
{
    if (!running) {
        return 0;
    }
    hear();
    if (heard - taken < count) {
        return 0;
    }
    const uint32_t bytes = (uint32_t)count * 2u;
    const uint32_t seek[2] = {(uint32_t)file, taken * 2u};
    const uint32_t read[3] = {(uint32_t)file, (uint32_t)(uintptr_t)samples, bytes};
    memset(samples, 0, bytes);
    if (semihosting(SYS_SEEK, seek) == 0) {
        (void)semihosting(SYS_READ, read);
    }
    taken += (uint32_t)count;
    return count;
}

uint32_t port_microphone_lost(void)
{
    if (running) {
        hear();
    }
    return lost;
}

bool microphone_alarm(void)
{
    if (!running) {
        return true;
    }
    const int32_t left = (int32_t)(due - ticks());
    if (left <= 0) {
        return false;
    }
    SYST_RVR = (uint32_t)left * TICK_NS / 1000u * SYSTICK_MHZ + SYSTICK_MHZ;
    SYST_CVR = 0;
    SYST_CSR = 7; /* counts the processor's clock, with interrupt */
    return true;
}

void microphone_awake(void)
{
    SYST_CSR = 0;
    ICSR = PENDSTCLR;
    /*
     * Asleep, the emulator keeps its host's time, and may wake late: not this program's fault, so
     * that the microphone waits.
     */
    if (running && (int32_t)(ticks() - due) > 0) {
        due = ticks();
    }
}
