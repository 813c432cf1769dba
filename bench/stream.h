/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A layer's stream of weights from plain matrices, by the macros of a generated table: in the
 * layout of this target.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "nnsp_table.h"

typedef struct stream_matrix {
    const int8_t *weights; /* [rows][cols] */
    unsigned rows;
    unsigned cols;
} stream_matrix;

static uint32_t *stream_blocks(uint32_t *to, const stream_matrix *matrix, unsigned row)
{
    for (unsigned col = 0; col < matrix->cols; col += NNSP_BLOCK_COLS) {
        int p[NNSP_GROUP_ROWS * NNSP_BLOCK_COLS];
        for (unsigned i = 0; i < NNSP_GROUP_ROWS * NNSP_BLOCK_COLS; i++) {
            const unsigned r = row + i / NNSP_BLOCK_COLS, c = col + i % NNSP_BLOCK_COLS;
            p[i] = r < matrix->rows && c < matrix->cols
                       ? matrix->weights[(size_t)r * matrix->cols + c]
                       : 0;
        }
        const uint32_t words[NNSP_BLOCK_WORDS] = {
            NNSP_BLOCK(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10], p[11],
                       p[12], p[13], p[14], p[15], p[16], p[17], p[18], p[19], p[20], p[21], p[22],
                       p[23], p[24], p[25], p[26], p[27], p[28], p[29], p[30], p[31])};
        memcpy(to, words, sizeof words);
        to += NNSP_BLOCK_WORDS;
    }
    return to;
}

/*
 * Bias [rows], multiplier [rows]; recurrent and its multiplier: those of an LSTM, or NULL. `to` has
 * room for STREAM_WORDS(rows, cols) of each matrix.
 */
#define STREAM_WORDS(rows, cols) \
    (((rows) + 3u) / 4u * (((cols) + 7u) / 8u * NNSP_BLOCK_WORDS + NNSP_GATES_WORDS))
static inline void stream_fill(uint32_t *to, const stream_matrix *input, const int32_t *bias,
                               const int16_t *multiplier, const stream_matrix *recurrent,
                               const int16_t *recurrent_multiplier)
{
    for (unsigned row = 0; row < input->rows; row += NNSP_GROUP_ROWS) {
        int32_t b[NNSP_GROUP_ROWS] = {0};
        int m[NNSP_GROUP_ROWS] = {0}, n[NNSP_GROUP_ROWS] = {0};
        for (unsigned i = 0; i < NNSP_GROUP_ROWS && row + i < input->rows; i++) {
            b[i] = bias[row + i];
            m[i] = multiplier[row + i];
            n[i] = recurrent == NULL ? 0 : recurrent_multiplier[row + i];
        }
        to = stream_blocks(to, input, row);
        if (recurrent == NULL) {
            const uint32_t words[NNSP_ROWS_WORDS] = {
                NNSP_ROWS(b[0], b[1], b[2], b[3], m[0], m[1], m[2], m[3])};
            memcpy(to, words, sizeof words);
            to += NNSP_ROWS_WORDS;
        } else {
            to = stream_blocks(to, recurrent, row);
            const uint32_t words[NNSP_GATES_WORDS] = {
                NNSP_GATES(b[0], b[1], b[2], b[3], m[0], m[1], m[2], m[3], n[0], n[1], n[2], n[3])};
            memcpy(to, words, sizeof words);
            to += NNSP_GATES_WORDS;
        }
    }
}

#endif
