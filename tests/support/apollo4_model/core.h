/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The processor of the model: Cortex-M4F by Unicorn, with the exceptions, NVIC and DWT that Unicorn
 * lacks.
 */
#ifndef CORE_H
#define CORE_H

#include <stdint.h>

enum { CORE_IRQS = 84 };

/* Why core_run() came back. */
enum { CORE_UNTIL, CORE_ASLEEP, CORE_RESET, CORE_OBJECTION };

/*
 * What goes out to the peripherals. `fault` is told of an access to nothing before the processor
 * takes its BusFault.
 */
typedef uint32_t (*core_read)(uint32_t address, uint32_t size);
typedef void (*core_write)(uint32_t address, uint32_t size, uint32_t value);
typedef void (*core_fault)(uint32_t address, uint32_t pc);

typedef struct core core;

/*
 * NULL where Unicorn does not start. RAM is mapped by core_map(), programs are put there by
 * core_store().
 */
core *core_open(core_read read, core_write write, core_fault fault);
void core_close(core *c);
int core_map(core *c, uint32_t address, uint32_t bytes, int writable);
int core_unmap(core *c, uint32_t address, uint32_t bytes);
int core_store(core *c, uint32_t address, const uint8_t *bytes, uint32_t count);
int core_load(core *c, uint32_t address, uint8_t *bytes, uint32_t count);

/* A stack pointer must lie in these bytes. */
void core_stack(core *c, uint32_t begin, uint32_t end);

/* Start at a vector table, everything of the processor as after reset; time goes on. */
void core_reset(core *c, uint32_t table);

/* Run until time has come, the processor sleeps, asks for a reset, or the model objects. */
int core_run(core *c, uint64_t until);
/* Come back from core_run() soon; `until` may also be brought forward from within a callback. */
void core_stop(core *c);
void core_until(core *c, uint64_t until);

/* Whether an interrupt ends the sleep, masked or not. */
int core_wakes(const core *c);
void core_line(core *c, uint32_t irq, int high);

/* Ticks of 192 MHz, sleep included; an instruction takes `ticks` of them. */
uint64_t core_time(const core *c);
void core_sleep_until(core *c, uint64_t time);
void core_speed(core *c, uint32_t ticks);
uint64_t core_executed(const core *c);
uint64_t core_slept(const core *c);
uint32_t core_pc(const core *c);
uint32_t core_register(const core *c, uint32_t number);
const char *core_objection(const core *c);

#endif
