/*
 * Nothing but a Cortex-M and the library: raw int16 from in.raw through the shipped model to
 * out.raw, by semihosting.
 */
#include "def_nn3_se.h"
#include "nnsp.h"

#define SYS_OPEN 0x01u
#define SYS_WRITE 0x05u
#define SYS_READ 0x06u
#define SYS_EXIT_EXTENDED 0x20u
#define OPEN_READ_BINARY 1u
#define OPEN_WRITE_BINARY 5u

void reset(void);
void start(void);

/* From the linker script. */
extern uint32_t bss_begin[], bss_end[], stack_top[];

static uint64_t state[(NN3_SE_STATE_BYTES + 7) / 8];
static nnsp_enhancer enhancer;

static uint32_t host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(uint32_t status)
{
    const uint32_t block[2] = {0x20026u, status};
    (void)host(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

static uint32_t open_file(const char *name, uint32_t bytes, uint32_t mode)
{
    const uint32_t block[3] = {(uint32_t)(uintptr_t)name, mode, bytes};
    return host(SYS_OPEN, block);
}

/* Read or write a whole hop; what is left over is 0 then. */
static uint32_t move(uint32_t operation, uint32_t file, int16_t *hop)
{
    const uint32_t block[3] = {file, (uint32_t)(uintptr_t)hop, 2 * NN3_SE_HOP};
    return host(operation, block);
}

/*
 * No C before the FPU is on: a compiler may clear memory with the registers of the FPU, or of
 * Helium.
 */
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
    const uint32_t in = open_file("in.raw", 6, OPEN_READ_BINARY),
                   out = open_file("out.raw", 7, OPEN_WRITE_BINARY);
    const nnsp_status status = nnsp_enhancer_init(&enhancer, &nn3_se, state, sizeof state);
    int16_t hop[NN3_SE_HOP];
    if (status != NNSP_OK) {
        leave(2);
    }
    while (move(SYS_READ, in, hop) == 0) {
        if (nnsp_enhancer_process(&enhancer, hop, hop) != NNSP_OK ||
            move(SYS_WRITE, out, hop) != 0) {
            leave(3);
        }
    }
    leave(0);
}

static void fault(void)
{
    leave(4);
}

__attribute__((section(".vectors"), used)) static const struct {
    const uint32_t *stack;
    void (*handlers[15])(void);
} vectors = {stack_top, {reset, fault, fault, fault, fault, fault}};
