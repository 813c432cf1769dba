/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plugin of QEMU that counts the instructions of an emulated Cortex-M program between two of its
 * addresses:
 *   -plugin libcount.so,begin=ADDRESS,end=ADDRESS,output=FILE
 * Counting starts after the instruction at `begin`, which jumps, and stops before the one that
 * jumps to `end`. Every such region, numbered from 0, gives one record in FILE for each instruction
 * that ran in it, five 32-bit words, little endian: region, address, how often it ran, and how
 * often what ran next was 2 bytes and 4 bytes after it. (QEMU 7.2 gives some instructions the
 * wrong size: telling neighbours from jumps is left to the reader.) An instruction whose condition
 * fails counts as one that ran.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is used of qemu-plugin.h, which Debian packages nowhere. PLUGIN_API: interface version of
 * the QEMU at hand.
 */
typedef uint64_t qemu_plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t,
                                                            struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            void (*callback)(unsigned, void *),
                                            enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *),
                                    void *data);
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int count,
                        char **arguments);
int qemu_plugin_version = PLUGIN_API;

typedef struct record {
    struct record *next; /* in its bucket */
    uint32_t address;
    uint32_t runs;
    uint32_t following[2]; /* ran next at address + 2, + 4 */
} record;

#define BUCKETS 16384u

static record *bucket[BUCKETS];
static record *before; /* what ran before, inside the region */
static uint64_t begin_address, end_address;
static uint32_t region;
static bool counting;
static FILE *output;

static void stop(const char *sentence)
{
    fprintf(stderr, "count: %s\n", sentence);
    exit(1);
}

static record *record_of(uint32_t address)
{
    record **head = &bucket[address / 2u % BUCKETS];
    for (record *r = *head; r != NULL; r = r->next) {
        if (r->address == address) {
            return r;
        }
    }
    record *made = calloc(1, sizeof *made);
    if (made == NULL) {
        stop("out of memory");
    }
    made->address = address;
    made->next = *head;
    *head = made;
    return made;
}

static void ran(unsigned cpu, void *data)
{
    record *now = data;
    (void)cpu;
    if (!counting) {
        return;
    }
    if (before != NULL && now->address - before->address == 2u) {
        before->following[0]++;
    } else if (before != NULL && now->address - before->address == 4u) {
        before->following[1]++;
    }
    now->runs++;
    before = now;
}

static void ran_begin(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (counting) {
        stop("a region begins inside another");
    }
    counting = true;
    before = NULL;
}

static void ran_end(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (!counting) {
        stop("a region ends that has not begun");
    }
    counting = false;
    if (before != NULL) {
        before->runs--; /* the call of `end` itself */
    }
    for (uint32_t i = 0; i < BUCKETS; i++) {
        for (record *r = bucket[i]; r != NULL; r = r->next) {
            const uint32_t words[5] = {region, r->address, r->runs, r->following[0],
                                       r->following[1]};
            if (r->runs > 0 && fwrite(words, sizeof words, 1, output) != 1) {
                stop("the counts cannot be written");
            }
            r->runs = 0;
            r->following[0] = 0;
            r->following[1] = 0;
        }
    }
    region++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
        const uint64_t address = qemu_plugin_insn_vaddr(instruction);
        void (*callback)(unsigned, void *) = address == begin_address ? ran_begin
                                             : address == end_address ? ran_end
                                                                      : ran;
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, callback, QEMU_PLUGIN_CB_NO_REGS,
                                               record_of((uint32_t)address));
    }
}

static void finish(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    if (fclose(output) != 0) {
        fprintf(stderr, "count: the counts cannot be written\n");
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int count,
                        char **arguments)
{
    const char *path = NULL;
    (void)info;
    for (int i = 0; i < count; i++) {
        if (strncmp(arguments[i], "begin=", 6) == 0) {
            begin_address = strtoull(arguments[i] + 6, NULL, 0);
        } else if (strncmp(arguments[i], "end=", 4) == 0) {
            end_address = strtoull(arguments[i] + 4, NULL, 0);
        } else if (strncmp(arguments[i], "output=", 7) == 0) {
            path = arguments[i] + 7;
        }
    }
    output = path == NULL ? NULL : fopen(path, "wb");
    if (output == NULL || begin_address == end_address) {
        fprintf(stderr, "count: expected begin=ADDRESS,end=ADDRESS,output=FILE\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
