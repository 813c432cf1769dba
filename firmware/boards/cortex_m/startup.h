/* SPDX-License-Identifier: BSD-3-Clause */
/* What a board's vector table and port need of the start. */
#ifndef STARTUP_H
#define STARTUP_H

#include <stdint.h>

typedef void (*handler)(void);

/*
 * Given by the board, in section .vectors: stack_top, reset, then `fault` wherever it has no
 * handler of its own.
 */
extern const handler vectors[];

void reset(void);
void fault(void);

/* From the linker script. */
extern uint32_t stack_top[];

#endif
