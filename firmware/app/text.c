/* SPDX-License-Identifier: BSD-3-Clause */
#include "text.h"

#include <string.h>

void text_begin(text *t)
{
    t->count = 0;
    t->characters[0] = '\0';
}

static void add(text *t, char character)
{
    if (t->count < TEXT_BYTES) {
        t->characters[t->count++] = character;
        t->characters[t->count] = '\0';
    }
}

void text_add(text *t, const char *words)
{
    while (*words != '\0') {
        add(t, *words++);
    }
}

void text_add_hex(text *t, uint32_t value)
{
    text_add(t, "0x");
    for (int shift = 28; shift >= 0; shift -= 4) {
        add(t, "0123456789ABCDEF"[value >> shift & 15u]);
    }
}

void text_add_decimal(text *t, uint32_t value)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    while (count > 0) {
        add(t, digits[--count]);
    }
}

uint8_t *text_put(uint8_t *at, const char *words)
{
    size_t bytes = strlen(words);
    if (bytes > TEXT_BYTES) {
        bytes = TEXT_BYTES;
    }
    *at++ = (uint8_t)bytes;
    memcpy(at, words, bytes);
    return at + bytes;
}
