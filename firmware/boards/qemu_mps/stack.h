/* What startup and port share. */
#ifndef STACK_H
#define STACK_H

#include <stdint.h>

#define STACK_PAINT 0xA5A5A5A5u

/* From the linker script. */
extern uint32_t stack_bottom[], stack_top[];

#endif
