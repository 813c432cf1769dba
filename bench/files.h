/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole files, on an emulated board (by semihosting) as on a computer; any trouble ends the program
 * with status 3.
 */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __arm__

enum {
    SYS_OPEN = 1,
    SYS_CLOSE = 2,
    SYS_WRITE = 5,
    SYS_READ = 6,
    SYS_FLEN = 12,
    SYS_EXIT_EXTENDED = 32
};

static int32_t semihosting(uint32_t operation, const void *block)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = block;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static void leave(uint32_t status)
{
    const uint32_t block[2] = {0x20026u, status};
    (void)semihosting(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

/* 1: "rb", 5: "wb" */
static uint32_t open_file(const char *name, uint32_t mode)
{
    const uint32_t block[3] = {(uint32_t)(uintptr_t)name, mode, (uint32_t)strlen(name)};
    const int32_t file = semihosting(SYS_OPEN, block);
    if (file < 0) {
        leave(3);
    }
    return (uint32_t)file;
}

/* SYS_READ and SYS_WRITE answer with the bytes they did not do. */
static void transfer(uint32_t operation, uint32_t file, const void *data, size_t bytes)
{
    const uint32_t block[3] = {file, (uint32_t)(uintptr_t)data, (uint32_t)bytes};
    const uint32_t handle[1] = {file};
    if (semihosting(operation, block) != 0 || semihosting(SYS_CLOSE, handle) != 0) {
        leave(3);
    }
}

static size_t read_file(const char *name, void *data, size_t capacity)
{
    const uint32_t file = open_file(name, 1), block[1] = {file};
    const int32_t bytes = semihosting(SYS_FLEN, block);
    if (bytes < 0 || (size_t)bytes > capacity) {
        leave(3);
    }
    transfer(SYS_READ, file, data, (size_t)bytes);
    return (size_t)bytes;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
    transfer(SYS_WRITE, open_file(name, 5), data, bytes);
}

#else

#include <stdio.h>
#include <stdlib.h>

static void leave(int status)
{
    exit(status);
}

static size_t read_file(const char *name, void *data, size_t capacity)
{
    FILE *file = fopen(name, "rb");
    const size_t bytes = file == NULL ? 0 : fread(data, 1, capacity, file);
    if (bytes == 0 || fgetc(file) != EOF || fclose(file) != 0) {
        leave(3);
    }
    return bytes;
}

static void write_file(const char *name, const void *data, size_t bytes)
{
    FILE *file = fopen(name, "wb");
    if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) {
        leave(3);
    }
}

#endif
#endif
