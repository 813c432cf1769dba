/* SPDX-License-Identifier: BSD-3-Clause */
/* Sentences put together without a C library; what does not fit is cut off. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_BYTES 96u /* the longest text of a frame */

typedef struct text {
    size_t count;
    char characters[TEXT_BYTES + 1u];
} text;

void text_begin(text *t);
void text_add(text *t, const char *words);
void text_add_hex(text *t, uint32_t value);
void text_add_decimal(text *t, uint32_t value);

/* Write a length and as many bytes of words, TEXT_BYTES at most; gives the end. */
uint8_t *text_put(uint8_t *at, const char *words);

#endif
