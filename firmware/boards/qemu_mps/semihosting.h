/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls to the emulator: Arm's "Semihosting for AArch32 and AArch64". */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

#define SYS_OPEN 0x01u
#define SYS_READ 0x06u
#define SYS_SEEK 0x0Au
#define SYS_GET_CMDLINE 0x15u
#define SYS_EXIT_EXTENDED 0x20u

static inline int32_t semihosting(uint32_t call, const void *block)
{
    register uint32_t operation __asm("r0") = call;
    register const void *argument __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(operation) : "r"(argument) : "memory");
    return (int32_t)operation;
}

#endif
