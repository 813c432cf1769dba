/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An enhancer on a Cortex-M and nothing else: no operating system, no vendor's code, and of the C
 * library only memcpy, memmove and memset. By semihosting, samples come from in.raw and go to
 * out.raw on the computer that emulates or debugs the processor. On a board of yours, a microphone
 * takes the place of read_hop.
 */
#include "def_nn3_se.h"
#include "nnsp.h"

static uint64_t state[(NN3_SE_STATE_BYTES + 7) / 8];
static nnsp_enhancer enhancer;

/* Semihosting: the processor stops at a breakpoint, and the host does what r0 asks for. */
#define SYS_OPEN 0x01u
#define SYS_WRITE0 0x04u
#define SYS_WRITE 0x05u
#define SYS_READ 0x06u
#define SYS_EXIT_EXTENDED 0x20u
#define READ_BINARY 1u
#define WRITE_BINARY 5u

static uint32_t host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uint32_t block[3] = {(uint32_t)(uintptr_t)name, mode, length};
    return host(SYS_OPEN, block);
}

/* The host returns how many bytes it did not read or write. */
static int read_hop(uint32_t file, int16_t *hop)
{
    const uint32_t block[3] = {file, (uint32_t)(uintptr_t)hop, 2 * NN3_SE_HOP};
    return host(SYS_READ, block) == 0;
}

static int write_hop(uint32_t file, const int16_t *hop)
{
    const uint32_t block[3] = {file, (uint32_t)(uintptr_t)hop, 2 * NN3_SE_HOP};
    return host(SYS_WRITE, block) == 0;
}

/* End the program; the status is that of the emulator, too. */
static void leave(uint32_t status)
{
    const uint32_t block[2] = {0x20026u, status};
    (void)host(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

/* One step of CRC-32, that of zip files: the host can compute the same of out.raw. */
static uint32_t checksum(uint32_t crc, const int16_t *hop)
{
    const uint8_t *bytes = (const uint8_t *)hop;
    for (int i = 0; i < 2 * NN3_SE_HOP; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
        }
    }
    return crc;
}

static void say_checksum(uint32_t crc)
{
    char text[] = "CRC-32 of out.raw: 00000000\n";
    for (char *digit = text + sizeof text - 3; crc != 0; crc >>= 4) {
        *digit-- = "0123456789abcdef"[crc & 15u];
    }
    (void)host(SYS_WRITE0, text);
}

int main(void)
{
    const uint32_t in = open_file("in.raw", 6, READ_BINARY),
                   out = open_file("out.raw", 7, WRITE_BINARY);
    uint32_t crc = ~0u;
    int16_t hop[NN3_SE_HOP];
    if (nnsp_enhancer_init(&enhancer, &nn3_se, state, sizeof state) != NNSP_OK) {
        leave(2);
    }
    while (read_hop(in, hop)) {
        if (nnsp_enhancer_process(&enhancer, hop, hop) != NNSP_OK || !write_hop(out, hop)) {
            leave(3);
        }
        crc = checksum(crc, hop);
    }
    say_checksum(~crc);
    leave(0);
}

/* From the linker script. */
extern uint32_t bss_begin[], bss_end[], stack_top[];

void reset(void);
void start(void);

/* FPU and Helium on before any C: a compiler may use their registers to clear memory. */
__attribute__((naked)) void reset(void)
{
#ifdef __ARM_FP
    __asm volatile("ldr r0, =0xE000ED88\n" /* CPACR */
                   "ldr r1, [r0]\n"
                   "orr r1, r1, #0xF00000\n"
                   "str r1, [r0]\n"
                   "dsb\n"
                   "isb\n");
#endif
    __asm volatile("b start\n");
}

void start(void)
{
    for (uint32_t *at = bss_begin; at < bss_end; at++) {
        *at = 0;
    }
    (void)main();
}

static void fault(void)
{
    leave(4);
}

__attribute__((section(".vectors"), used)) static const struct {
    const uint32_t *stack;
    void (*handlers[15])(void);
} vectors = {stack_top, {reset, fault, fault, fault, fault, fault}};
