/* SPDX-License-Identifier: BSD-3-Clause */
#include "core.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#define BLOCKS 65536u
#define HARD_FAULT 3u
#define THREAD_PRIORITY 256
#define WINDOWS 4u

/* What is known of a block of code: found by its address, and counted once. */
typedef struct block {
    uint32_t address;
    uint32_t bytes;
    uint32_t instructions;
    bool uses_fpu;
} block;

/* Unicorn gives offsets into what was mapped. */
typedef struct window {
    core *owner;
    uint32_t base;
} window;

struct core {
    uc_engine *uc;
    window windows[WINDOWS];
    core_read read;
    core_write write;
    core_fault fault;
    uint64_t time, until, executed, slept;
    uint32_t ticks;
    uint32_t pc;
    uint32_t stack_begin, stack_end;
    uint32_t interrupt; /* what Unicorn raised; 0: nothing */
    uint32_t fault_address;
    bool stop, reset_wanted;
    bool between; /* stopped at the start of a block, not by an instruction */
    uint32_t line[3], pending[3], enabled[3], active[3];
    uint8_t priority[96];
    uint32_t nested[16]; /* numbers of the exceptions under way */
    uint32_t depth;
    uint32_t vtor, aircr_group, scr, ccr, shpr[3], shcsr, cfsr, hfsr, mmfar, bfar;
    uint32_t cpacr, fpccr, fpcar, fpdscr, demcr, dwt;
    uint64_t cycles_from;
    uint32_t cycles_frozen;
    char sentence[240];
    block blocks[BLOCKS];
};

static uint32_t get(const core *c, int id)
{
    uint32_t value = 0;
    uc_reg_read(c->uc, id, &value);
    return value;
}

static void set(core *c, int id, uint32_t value)
{
    uc_reg_write(c->uc, id, &value);
}

void core_stop(core *c)
{
    c->stop = true;
    uc_emu_stop(c->uc);
}

static void object(core *c, const char *format, ...)
{
    if (c->sentence[0] == '\0') {
        va_list list;
        va_start(list, format);
        vsnprintf(c->sentence, sizeof c->sentence, format, list);
        va_end(list);
    }
    core_stop(c);
}

static int urgency(const core *c, uint32_t exception)
{
    if (exception == 2u || exception == HARD_FAULT) {
        return (int)exception - 4;
    }
    if (exception >= 16u) {
        return c->priority[exception - 16u] & 0xE0;
    }
    return (int)(c->shpr[exception / 4u - 1u] >> exception % 4u * 8u & 0xE0u);
}

/* Of what runs now; masks apart. */
static int present_urgency(const core *c)
{
    int most = THREAD_PRIORITY;
    for (uint32_t i = 0; i < c->depth; i++) {
        const int one = urgency(c, c->nested[i]);
        most = one < most ? one : most;
    }
    return most;
}

/* The most urgent interrupt that is pending and enabled, as its exception number; 0: none. */
static uint32_t most_urgent(const core *c)
{
    uint32_t found = 0;
    for (uint32_t word = 0; word < 3; word++) {
        uint32_t left = c->pending[word] & c->enabled[word];
        for (; left; left &= left - 1u) {
            const uint32_t exception = 16u + word * 32u + (uint32_t)__builtin_ctz(left);
            if (!found || urgency(c, exception) < urgency(c, found)) {
                found = exception;
            }
        }
    }
    return found;
}

static bool masked(const core *c, int one)
{
    if (get(c, UC_ARM_REG_PRIMASK) & 1u || get(c, UC_ARM_REG_FAULTMASK) & 1u) {
        return true;
    }
    const int base = (int)(get(c, UC_ARM_REG_BASEPRI) & 0xE0u);
    return base && one >= base;
}

/* The interrupt to take now; 0: none. */
static uint32_t takes(const core *c)
{
    const uint32_t exception = most_urgent(c);
    if (!exception || urgency(c, exception) >= present_urgency(c) ||
        masked(c, urgency(c, exception))) {
        return 0;
    }
    return exception;
}

int core_wakes(const core *c)
{
    const uint32_t exception = most_urgent(c);
    return exception && urgency(c, exception) < present_urgency(c);
}

void core_line(core *c, uint32_t irq, int high)
{
    const uint32_t bit = 1u << irq % 32u;
    if (high) {
        c->line[irq / 32u] |= bit;
        if (!(c->active[irq / 32u] & bit)) {
            c->pending[irq / 32u] |= bit;
        }
    } else {
        c->line[irq / 32u] &= ~bit;
    }
}

static bool is_wide(uint16_t first)
{
    return first >> 11 >= 0x1Du;
}

static const block *find_block(core *c, uint32_t address, uint32_t bytes)
{
    block *b = &c->blocks[address >> 1 & (BLOCKS - 1u)];
    if (b->address == address && b->bytes == bytes) {
        return b;
    }
    b->address = address;
    b->bytes = bytes;
    b->instructions = 0;
    b->uses_fpu = false;
    for (uint32_t at = 0; at < bytes;) {
        uint16_t half = 0;
        uc_mem_read(c->uc, address + at, &half, sizeof half);
        uint16_t second = 0;
        uc_mem_read(c->uc, address + at + 2u, &second, sizeof second);
        /* Coprocessors 10 and 11 are the FPU. */
        b->uses_fpu |= (half & 0xEC00u) == 0xEC00u && (second >> 9 & 7u) == 5u;
        b->instructions++;
        at += is_wide(half) ? 4u : 2u;
    }
    return b;
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    core *c = user;
    if (c->time >= c->until || c->stop || (most_urgent(c) && takes(c))) {
        /* Not within an IT block: its state would not outlast the stop. */
        if ((get(c, UC_ARM_REG_XPSR) & 0x0600FC00u) == 0) {
            c->between = true;
            uc_emu_stop(uc);
            return;
        }
    }
    const block *b = find_block(c, (uint32_t)address, size);
    if (b->uses_fpu && (c->cpacr >> 20 & 0xFu) != 0xFu) {
        object(
            c,
            "0x%08X: an instruction of the FPU before CPACR (0xE000ED88) bits 23..20 are set and "
            "an ISB follows",
            (unsigned)address);
        return;
    }
    c->executed += b->instructions;
    c->time += (uint64_t)b->instructions * c->ticks;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *user)
{
    core *c = user;
    c->interrupt = number;
    uc_emu_stop(uc);
}

static bool on_unmapped(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                        void *user)
{
    core *c = user;
    (void)uc, (void)type, (void)size, (void)value;
    c->fault_address = (uint32_t)address;
    return false;
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
    const window *w = user;
    (void)uc;
    return w->owner->read(w->base + (uint32_t)offset, size);
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
    const window *w = user;
    (void)uc;
    w->owner->write(w->base + (uint32_t)offset, size, (uint32_t)value);
}

/* One word of the NVIC's sets; false where there is none. */
static bool nvic(core *c, uint32_t at, uint32_t *value, bool write)
{
    const uint32_t word = at / 4u % 32u;
    if (at < 0x100u || at >= 0x380u || word >= 3u) {
        return false;
    }
    uint32_t *const of[] = {c->enabled, c->enabled, c->pending, c->pending, c->active};
    uint32_t *target = &of[(at - 0x100u) / 0x80u][word];
    if (!write) {
        *value = *target;
    } else if (at >= 0x300u) {
        return false;
    } else if (at & 0x80u) {
        *target &= ~*value;
        if (target == &c->pending[word]) {
            *target |= c->line[word] & ~c->active[word]; /* a line that is still high pends again */
        }
    } else {
        *target |= *value;
    }
    return true;
}

static uint32_t *system_word(core *c, uint32_t address)
{
    switch (address) {
    case 0xE000ED08u:
        return &c->vtor;
    case 0xE000ED10u:
        return &c->scr;
    case 0xE000ED14u:
        return &c->ccr;
    case 0xE000ED18u:
        return &c->shpr[0];
    case 0xE000ED1Cu:
        return &c->shpr[1];
    case 0xE000ED20u:
        return &c->shpr[2];
    case 0xE000ED24u:
        return &c->shcsr;
    case 0xE000ED28u:
        return &c->cfsr;
    case 0xE000ED2Cu:
        return &c->hfsr;
    case 0xE000ED34u:
        return &c->mmfar;
    case 0xE000ED38u:
        return &c->bfar;
    case 0xE000ED88u:
        return &c->cpacr;
    case 0xE000EDFCu:
        return &c->demcr;
    case 0xE000EF34u:
        return &c->fpccr;
    case 0xE000EF38u:
        return &c->fpcar;
    case 0xE000EF3Cu:
        return &c->fpdscr;
    default:
        return NULL;
    }
}

static uint32_t cycles(const core *c)
{
    return c->dwt & 1u ? (uint32_t)(c->executed - c->cycles_from) : c->cycles_frozen;
}

static uint64_t system_read(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
    core *c = user;
    const uint32_t address = 0xE0000000u + (uint32_t)offset;
    uint32_t value = 0;
    (void)uc;
    if (address >= 0xE000E400u && address < 0xE000E400u + sizeof c->priority) {
        memcpy(&value, &c->priority[address - 0xE000E400u], size);
        return value;
    }
    const uint32_t *word = system_word(c, address);
    if (size != 4u) {
        object(c, "0x%08X: %u-bit read of a system register, expected 32 bits", address, 8u * size);
    } else if (word) {
        return *word;
    } else if (address == 0xE000ED00u) {
        return 0x410FC241u; /* Cortex-M4 r0p1 */
    } else if (address == 0xE000ED04u) {
        return (c->depth ? c->nested[c->depth - 1u] : 0u) | most_urgent(c) << 12;
    } else if (address == 0xE000ED0Cu) {
        return 0xFA050000u | c->aircr_group << 8;
    } else if (address == 0xE000EDF0u) {
        return 0; /* DHCSR: no debugger */
    } else if (address == 0xE0001000u || address == 0xE0001004u) {
        if (!(c->demcr >> 24 & 1u)) {
            object(c, "0x%08X: the DWT is read before DEMCR (0xE000EDFC) bit 24 is set", address);
        }
        return address == 0xE0001000u ? 0x40000000u | c->dwt : cycles(c);
    } else if (!nvic(c, address - 0xE000E000u, &value, false)) {
        object(c, "0x%08X: a read of a system register that the model does not know", address);
    }
    return value;
}

static void system_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t wide, void *user)
{
    core *c = user;
    const uint32_t address = 0xE0000000u + (uint32_t)offset;
    uint32_t value = (uint32_t)wide;
    (void)uc;
    if (address >= 0xE000E400u && address < 0xE000E400u + sizeof c->priority) {
        memcpy(&c->priority[address - 0xE000E400u], &value, size);
        return;
    }
    uint32_t *word = system_word(c, address);
    if (size == 1u && address >= 0xE000ED18u && address < 0xE000ED24u) {
        ((uint8_t *)c->shpr)[address - 0xE000ED18u] = (uint8_t)value;
    } else if (size != 4u) {
        object(c, "0x%08X: %u-bit write of a system register, expected 32 bits", address,
               8u * size);
    } else if (address == 0xE000ED28u || address == 0xE000ED2Cu) {
        *word &= ~value;
    } else if (address == 0xE000ED08u && value & 0x1FFu) {
        object(c, "VTOR (0xE000ED08) = 0x%08X: a table of 100 vectors must be aligned to 512 bytes",
               value);
    } else if (word) {
        *word = value;
    } else if (address == 0xE000ED0Cu) {
        if (value >> 16 != 0x05FAu) {
            object(c,
                   "AIRCR (0xE000ED0C) = 0x%08X: the key 0x05FA is missing, the write is ignored",
                   value);
        }
        c->aircr_group = value >> 8 & 7u;
        c->reset_wanted = value >> 2 & 1u;
        if (c->reset_wanted) {
            core_stop(c);
        }
    } else if (address == 0xE0001000u || address == 0xE0001004u) {
        if (!(c->demcr >> 24 & 1u)) {
            object(c, "0x%08X: the DWT is written before DEMCR (0xE000EDFC) bit 24 is set",
                   address);
        }
        const uint32_t now = address == 0xE0001004u ? value : cycles(c);
        c->dwt = address == 0xE0001000u ? value & 1u : c->dwt;
        c->cycles_frozen = now;
        c->cycles_from = c->executed - now;
    } else if (address == 0xE000EF00u) {
        const uint32_t irq = value & 0x1FFu;
        value = 1u << irq % 32u;
        (void)nvic(c, 0x200u + irq / 32u * 4u, &value, true);
    } else if (!nvic(c, address - 0xE000E000u, &value, true)) {
        object(c, "0x%08X = 0x%08X: a write of a system register that the model does not know",
               address, value);
    }
}

core *core_open(core_read read, core_write write, core_fault fault)
{
    static const uint32_t windows[WINDOWS][2] = {{0x40000000u, 0x400000u},
                                                 {0x42000000u, 0x4000u},
                                                 {0x47FF0000u, 0x1000u},
                                                 {0x48000000u, 0x1000u}};
    core *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->read = read;
    c->write = write;
    c->fault = fault;
    c->ticks = 2;
    if (uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &c->uc) != UC_ERR_OK ||
        uc_ctl_set_cpu_model(c->uc, UC_CPU_ARM_CORTEX_M4) != UC_ERR_OK) {
        free(c);
        return NULL;
    }
    for (size_t i = 0; i < WINDOWS; i++) {
        c->windows[i] = (window){c, windows[i][0]};
        uc_mmio_map(c->uc, windows[i][0], windows[i][1], on_read, &c->windows[i], on_write,
                    &c->windows[i]);
    }
    uc_mmio_map(c->uc, 0xE0000000u, 0x100000u, system_read, c, system_write, c);
    uc_hook hook;
    uc_hook_add(c->uc, &hook, UC_HOOK_BLOCK, (void *)(uintptr_t)on_block, c, 1, 0);
    uc_hook_add(c->uc, &hook, UC_HOOK_INTR, (void *)(uintptr_t)on_interrupt, c, 1, 0);
    uc_hook_add(c->uc, &hook, UC_HOOK_MEM_INVALID, (void *)(uintptr_t)on_unmapped, c, 1, 0);
    return c;
}

void core_close(core *c)
{
    uc_close(c->uc);
    free(c);
}

int core_map(core *c, uint32_t address, uint32_t bytes, int writable)
{
    return (int)uc_mem_map(c->uc, address, bytes,
                           writable ? UC_PROT_ALL : UC_PROT_READ | UC_PROT_EXEC);
}

int core_unmap(core *c, uint32_t address, uint32_t bytes)
{
    return (int)uc_mem_unmap(c->uc, address, bytes);
}

int core_store(core *c, uint32_t address, const uint8_t *bytes, uint32_t count)
{
    return (int)uc_mem_write(c->uc, address, bytes, count);
}

int core_load(core *c, uint32_t address, uint8_t *bytes, uint32_t count)
{
    return (int)uc_mem_read(c->uc, address, bytes, count);
}

void core_stack(core *c, uint32_t begin, uint32_t end)
{
    c->stack_begin = begin;
    c->stack_end = end;
}

static bool stack_fits(core *c, uint32_t sp, const char *when)
{
    /* Below its memory a stack that overflows faults by itself; anywhere else it was put there. */
    if (sp > c->stack_end || sp + 0x10000u < c->stack_begin || sp % 4u) {
        object(c, "SP = 0x%08X %s at 0x%08X: the stack must lie in the TCM, 0x%08X to 0x%08X", sp,
               when, c->pc, c->stack_begin, c->stack_end);
        return false;
    }
    return true;
}

static uint32_t word_at(const core *c, uint32_t address)
{
    uint32_t value = 0;
    uc_mem_read(c->uc, address, &value, sizeof value);
    return value;
}

void core_reset(core *c, uint32_t table)
{
    memset(c->line, 0, sizeof c->line);
    memset(c->pending, 0, sizeof c->pending);
    memset(c->enabled, 0, sizeof c->enabled);
    memset(c->active, 0, sizeof c->active);
    memset(c->priority, 0, sizeof c->priority);
    memset(c->shpr, 0, sizeof c->shpr);
    memset(c->blocks, 0, sizeof c->blocks);
    c->depth = 0;
    c->vtor = c->aircr_group = c->scr = c->shcsr = c->cfsr = c->hfsr = c->mmfar = c->bfar =
        c->cpacr = 0;
    c->ccr = 0x200u;
    c->fpccr = 0xC0000000u;
    c->fpcar = c->fpdscr = c->demcr = c->dwt = c->cycles_frozen = 0;
    c->stop = c->reset_wanted = false;
    c->interrupt = 0;
    uc_ctl_flush_tb(c->uc);
    for (int i = 0; i < 13; i++) {
        set(c, UC_ARM_REG_R0 + i, 0xDEAD0000u + (uint32_t)i);
    }
    set(c, UC_ARM_REG_XPSR, 0x01000000u);
    set(c, UC_ARM_REG_IPSR, 0);
    set(c, UC_ARM_REG_CONTROL, 0);
    set(c, UC_ARM_REG_PRIMASK, 0);
    set(c, UC_ARM_REG_BASEPRI, 0);
    set(c, UC_ARM_REG_FAULTMASK, 0);
    set(c, UC_ARM_REG_FPSCR, 0);
    set(c, UC_ARM_REG_LR, 0xFFFFFFFFu);
    const uint32_t sp = word_at(c, table);
    const uint32_t entry = word_at(c, table + 4u);
    c->pc = entry & ~1u;
    set(c, UC_ARM_REG_SP, sp & ~3u);
    if (!(entry & 1u)) {
        object(c, "0x%08X: the reset vector 0x%08X has no Thumb bit", table + 4u, entry);
    }
    (void)stack_fits(c, sp, "in the vector table, entry");
}

/*
 * Save the registers and go to a vector. All is saved at once: lazy saving of the FPU's looks the
 * same from outside.
 */
static void enter(core *c, uint32_t exception)
{
    static const int saved[] = {UC_ARM_REG_R0, UC_ARM_REG_R1,  UC_ARM_REG_R2,
                                UC_ARM_REG_R3, UC_ARM_REG_R12, UC_ARM_REG_LR};
    const uint32_t control = get(c, UC_ARM_REG_CONTROL);
    const bool fpu = control >> 2 & 1u;
    uint32_t frame[26];
    uint32_t sp = get(c, UC_ARM_REG_SP);
    if (control & 2u) {
        object(c, "CONTROL = %u at 0x%08X: the model knows no process stack", control, c->pc);
        return;
    }
    if (!stack_fits(c, sp, "at an exception")) {
        return;
    }
    for (uint32_t i = 0; i < 6; i++) {
        frame[i] = get(c, saved[i]);
    }
    frame[6] = c->pc;
    frame[7] = (get(c, UC_ARM_REG_XPSR) & 0xFF0FFC00u) | 0x01000000u |
               (c->depth ? c->nested[c->depth - 1u] : 0u);
    const uint32_t words = fpu ? 26 : 8;
    if (fpu) {
        for (uint32_t i = 0; i < 16; i++) {
            frame[8u + i] = get(c, UC_ARM_REG_S0 + (int)i);
        }
        frame[24] = get(c, UC_ARM_REG_FPSCR);
        frame[25] = 0;
    }
    sp -= 4u * words;
    if (sp & 4u) {
        sp -= 4u;
        frame[7] |= 1u << 9;
    }
    if (uc_mem_write(c->uc, sp, frame, 4u * words) != UC_ERR_OK) {
        c->cfsr |= 1u << 12; /* STKERR */
        if (exception >= 16u) {
            exception = HARD_FAULT;
            c->hfsr |= 1u << 30;
        }
    }
    if (c->depth == sizeof c->nested / sizeof c->nested[0]) {
        object(c, "0x%08X: more exceptions within exceptions than there are priorities", c->pc);
        return;
    }
    if (exception >= 16u) {
        c->pending[(exception - 16u) / 32u] &= ~(1u << (exception - 16u) % 32u);
        c->active[(exception - 16u) / 32u] |= 1u << (exception - 16u) % 32u;
    }
    set(c, UC_ARM_REG_SP, sp);
    set(c, UC_ARM_REG_LR, (c->depth ? 0xFFFFFFF1u : 0xFFFFFFF9u) & ~(fpu ? 0x10u : 0u));
    set(c, UC_ARM_REG_CONTROL, 0);
    c->nested[c->depth++] = exception;
    set(c, UC_ARM_REG_XPSR, 0x01000000u | exception);
    set(c, UC_ARM_REG_IPSR, exception);
    const uint32_t vector = word_at(c, c->vtor + 4u * exception);
    if (!(vector & 1u)) {
        object(c, "0x%08X: the vector of exception %u is 0x%08X, no Thumb address",
               c->vtor + 4u * exception, exception, vector);
    }
    c->pc = vector & ~1u;
}

static void leave(core *c, uint32_t code)
{
    static const int saved[] = {UC_ARM_REG_R0, UC_ARM_REG_R1,  UC_ARM_REG_R2,
                                UC_ARM_REG_R3, UC_ARM_REG_R12, UC_ARM_REG_LR};
    const bool fpu = !(code >> 4 & 1u);
    const uint32_t words = fpu ? 26 : 8;
    uint32_t frame[26];
    uint32_t sp = get(c, UC_ARM_REG_SP);
    if (c->depth == 0 || uc_mem_read(c->uc, sp, frame, 4u * words) != UC_ERR_OK) {
        object(c, "EXC_RETURN 0x%08X with SP = 0x%08X: nothing to return to", code, sp);
        return;
    }
    const uint32_t exception = c->nested[--c->depth];
    if (exception >= 16u) {
        const uint32_t word = (exception - 16u) / 32u;
        c->active[word] &= ~(1u << (exception - 16u) % 32u);
        c->pending[word] |= c->line[word] & 1u << (exception - 16u) % 32u;
    }
    const uint32_t under = c->depth ? c->nested[c->depth - 1u] : 0u;
    if ((frame[7] & 0x1FFu) != under) {
        object(c, "0x%08X: the frame returned to is of exception %u, expected %u", sp,
               frame[7] & 0x1FFu, under);
    }
    sp += 4u * words + (frame[7] >> 9 & 1u) * 4u;
    for (uint32_t i = 0; i < 6; i++) {
        set(c, saved[i], frame[i]);
    }
    if (fpu) {
        for (uint32_t i = 0; i < 16; i++) {
            set(c, UC_ARM_REG_S0 + (int)i, frame[8u + i]);
        }
        set(c, UC_ARM_REG_FPSCR, frame[24]);
    }
    c->pc = frame[6] & ~1u;
    set(c, UC_ARM_REG_SP, sp);
    set(c, UC_ARM_REG_XPSR, (frame[7] & ~0x200u) | 0x01000000u);
    set(c, UC_ARM_REG_IPSR, under);
    set(c, UC_ARM_REG_CONTROL, fpu ? 4u : 0u);
}

/* A fault by itself where its handler is enabled and may preempt, else a HardFault. */
static void take_fault(core *c, uint32_t exception, uint32_t status)
{
    c->cfsr |= status;
    if (c->depth && c->nested[c->depth - 1u] <= HARD_FAULT) {
        object(c,
               "0x%08X: a fault (CFSR 0x%08X, address 0x%08X) within the fault handler: the "
               "processor locks up",
               c->pc, c->cfsr, c->fault_address);
        return;
    }
    const int one = urgency(c, exception);
    const bool enabled = c->shcsr >> (exception + 12u) & 1u;
    if (!enabled || masked(c, one) || one >= present_urgency(c)) {
        exception = HARD_FAULT;
        c->hfsr |= 1u << 30;
    }
    enter(c, exception);
}

static void bus_fault(core *c, uint32_t status)
{
    if (!(status & 1u << 8)) {
        c->bfar = c->fault_address;
        status |= 1u << 15;
    }
    c->fault(c->fault_address, c->pc);
    if (!c->stop) {
        take_fault(c, 5u, status);
    }
}

int core_run(core *c, uint64_t until)
{
    c->until = until;
    for (;;) {
        if (c->sentence[0]) {
            return CORE_OBJECTION;
        }
        if (c->reset_wanted) {
            return CORE_RESET;
        }
        if (c->stop) {
            c->stop = false;
            return CORE_UNTIL;
        }
        if (most_urgent(c)) {
            const uint32_t exception = takes(c);
            if (exception) {
                enter(c, exception);
                continue;
            }
        }
        if (c->time >= c->until) {
            return CORE_UNTIL;
        }
        c->interrupt = 0;
        c->between = false;
        const uc_err error = uc_emu_start(c->uc, c->pc | 1u, 0xFFFFFFFEu, 0, 0);
        c->pc = get(c, UC_ARM_REG_PC);
        if (c->stop || c->sentence[0]) {
            continue;
        }
        if (c->interrupt == 8u ||
            (error == UC_ERR_FETCH_UNMAPPED && c->depth && c->fault_address >= 0xFFFFFF00u)) {
            leave(c, c->pc | 1u);
        } else if (error == UC_ERR_INSN_INVALID) {
            take_fault(c, 6u, 1u << 16);
        } else if (error == UC_ERR_FETCH_UNMAPPED || error == UC_ERR_FETCH_PROT) {
            bus_fault(c, 1u << 8);
        } else if (error == UC_ERR_READ_UNMAPPED || error == UC_ERR_WRITE_UNMAPPED ||
                   error == UC_ERR_WRITE_PROT) {
            bus_fault(c, 1u << 9);
        } else if (error == UC_ERR_READ_UNALIGNED || error == UC_ERR_WRITE_UNALIGNED) {
            take_fault(c, 6u, 1u << 24);
        } else if (error != UC_ERR_OK || c->interrupt) {
            object(c, "0x%08X: the model cannot go on: %s, exception %u of the emulator", c->pc,
                   uc_strerror(error), c->interrupt);
        } else if (!c->between && (word_at(c, c->pc - 2u) & 0xFFFFu) == 0xBF30u) {
            if (c->scr >> 2 & 1u) {
                object(c,
                       "0x%08X: WFI with SCR (0xE000ED10) bit 2 set: the model knows no deep sleep",
                       c->pc);
            } else if (!core_wakes(c)) {
                return CORE_ASLEEP;
            }
        }
    }
}

void core_until(core *c, uint64_t until)
{
    c->until = until < c->until ? until : c->until;
}

uint64_t core_time(const core *c)
{
    return c->time;
}

void core_sleep_until(core *c, uint64_t time)
{
    if (time > c->time) {
        c->slept += time - c->time;
        c->time = time;
    }
}

void core_speed(core *c, uint32_t ticks)
{
    c->ticks = ticks;
}

uint64_t core_executed(const core *c)
{
    return c->executed;
}

uint64_t core_slept(const core *c)
{
    return c->slept;
}

uint32_t core_pc(const core *c)
{
    return c->pc;
}

uint32_t core_register(const core *c, uint32_t number)
{
    return get(c, number < 13u    ? UC_ARM_REG_R0 + (int)number
                  : number == 13u ? UC_ARM_REG_SP
                                  : UC_ARM_REG_LR);
}

const char *core_objection(const core *c)
{
    return c->sentence;
}
