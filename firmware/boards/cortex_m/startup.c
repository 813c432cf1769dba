/* SPDX-License-Identifier: BSD-3-Clause */
/* Cortex-M4 and M55 start: stack and its paint, memory, faults. */
#include "startup.h"

#include "port.h"

#define STACK_PAINT 0xA5A5A5A5u

int main(void);

/* From the linker script. */
extern uint32_t data_load[], data_begin[], data_end[], bss_begin[], bss_end[], stack_bottom[],
    fault_stack_top[];

#define VTOR (*(volatile uint32_t *)0xE000ED08u)
#define CFSR (*(volatile uint32_t *)0xE000ED28u)
#define HFSR (*(volatile uint32_t *)0xE000ED2Cu)
#define MMFAR (*(volatile uint32_t *)0xE000ED34u)
#define BFAR (*(volatile uint32_t *)0xE000ED38u)

/*
 * Whatever ran before (a boot loader, a debugger) may have left another stack. Paints the whole
 * stack before anything uses it, and turns on FPU and Helium before any C: the image is built for
 * the hard-float ABI, and a compiler may use their registers anywhere, in the entry of a function
 * too. Interrupts stay masked until the port wants them.
 */
__attribute__((naked)) void reset(void)
{
    __asm volatile("cpsid i\n"
                   "ldr r0, =stack_bottom\n"
                   "ldr r1, =stack_top\n"
                   "mov sp, r1\n"
                   "ldr r2, =0xA5A5A5A5\n"
                   "1: str r2, [r0], #4\n"
                   "cmp r0, r1\n"
                   "blo 1b\n"
                   "ldr r0, =0xE000ED88\n" /* CPACR */
                   "ldr r1, [r0]\n"
                   "orr r1, r1, #0xF00000\n"
                   "str r1, [r0]\n"
                   "dsb\n"
                   "isb\n"
                   "b start\n");
}

__attribute__((used)) static void start(void)
{
    VTOR = (uint32_t)(uintptr_t)vectors;
    const uint32_t *load = data_load;
    for (uint32_t *at = data_begin; at < data_end; at++) {
        *at = *load++;
    }
    for (uint32_t *at = bss_begin; at < bss_end; at++) {
        *at = 0;
    }
    main();
    port_exit(0);
}

/*
 * The stack may be the fault: switch to another one. r0 = where the processor saved its
 * registers.
 */
__attribute__((naked)) void fault(void)
{
    __asm volatile("cpsid i\n"
                   "mov r0, sp\n"
                   "ldr r1, =fault_stack_top\n"
                   "mov sp, r1\n"
                   "b fault_report\n");
}

__attribute__((used)) static void fault_report(const uint32_t *saved)
{
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    const uint32_t status = CFSR;
    /*
     * Faults have no handlers of their own here, so all arrive as a hard fault; the status tells
     * which it was.
     */
    const char *what = exception != 3u        ? "unexpected exception"
                       : status & 0xFFFF0000u ? "UsageFault"
                       : status & 0x0000FF00u ? "BusFault"
                       : status & 0x000000FFu ? "MemManage"
                                              : "HardFault";
    /* Nothing was saved where the stack had run out, or could not be written (STKERR, MSTKERR). */
    const int on_stack =
        saved >= stack_bottom && saved + 8 <= stack_top && !(status & (1u << 12 | 1u << 4));
    if (!on_stack) {
        what = "stack overflow";
    }
    const uint32_t address = status & (1u << 15) ? BFAR : status & (1u << 7) ? MMFAR : 0;
    app_fault(what, on_stack ? saved[6] : 0, status | (HFSR & 1u << 1), address);
}

uint32_t port_stack_bytes(void)
{
    return (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom);
}

uint32_t port_stack_left(void)
{
    const uint32_t *at = stack_bottom;
    while (at < stack_top && *at == STACK_PAINT) {
        at++;
    }
    return (uint32_t)((uintptr_t)at - (uintptr_t)stack_bottom);
}
