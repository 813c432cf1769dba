/* SPDX-License-Identifier: BSD-3-Clause */
/* How weights lie in memory. Macros alone, so that assembly may include this, too. */
#ifndef NNSP_LAYOUT_H
#define NNSP_LAYOUT_H

/*
 * Rows (outputs) of a layer stand in groups of four, padded with rows of zeros: for every eight
 * columns (inputs) one NNSP_BLOCK of 32 weights, row by row, padded with columns of zeros; then one
 * NNSP_ROWS. An LSTM has the blocks of the input matrix, those of the recurrent matrix, and one
 * NNSP_GATES. A generated file names every piece by its macro, so that each target puts the bytes
 * where its kernels want them, at compile time, from the same file.
 */
#define NNSP_GROUP_ROWS 4
#define NNSP_BLOCK_COLS 8
#define NNSP_BLOCK_WORDS 8
#define NNSP_ROWS_WORDS 6
#define NNSP_GATES_WORDS 8

/*
 * Cortex-M4 and its like, with a compiler that takes GNU's assembly: pairs of rows in 16-bit lanes
 * (docs/kernels.md). Define NNSP_PORTABLE for plain order and plain C, when compiling the library
 * and when compiling tables: a table of the other order fails with NNSP_ERR_CHECKSUM.
 */
#if defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M' && !defined(__ARM_FEATURE_MVE) && \
    defined(__GNUC__) && !defined(NNSP_PORTABLE)
#define NNSP_ROW_PAIRS
#endif

#define NNSP_BYTES(a, b, c, d) \
    (uint32_t)((a) & 255) | (uint32_t)((b) & 255) << 8 | (uint32_t)((c) & 255) << 16 | \
        (uint32_t)((d) & 255) << 24
#define NNSP_HALVES(a, b) (uint32_t)((a) & 65535) | (uint32_t)((b) & 65535) << 16

#ifdef NNSP_ROW_PAIRS
/* Lanes 256 * b + a of two columns: a negative a borrows from b. */
#define NNSP_PAIR(a0, a1, b0, b1) NNSP_BYTES(a0, (b0) - ((a0) < 0), a1, (b1) - ((a1) < 0))
#define NNSP_BLOCK(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c0, c1, c2, c3, \
                   c4, c5, c6, c7, d0, d1, d2, d3, d4, d5, d6, d7) \
    NNSP_PAIR(a0, a1, b0, b1), NNSP_PAIR(a2, a3, b2, b3), NNSP_PAIR(c0, c1, d0, d1), \
        NNSP_PAIR(c2, c3, d2, d3), NNSP_PAIR(a4, a5, b4, b5), NNSP_PAIR(a6, a7, b6, b7), \
        NNSP_PAIR(c4, c5, d4, d5), NNSP_PAIR(c6, c7, d6, d7)
#else
#define NNSP_BLOCK(a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c0, c1, c2, c3, \
                   c4, c5, c6, c7, d0, d1, d2, d3, d4, d5, d6, d7) \
    NNSP_BYTES(a0, a1, a2, a3), NNSP_BYTES(a4, a5, a6, a7), NNSP_BYTES(b0, b1, b2, b3), \
        NNSP_BYTES(b4, b5, b6, b7), NNSP_BYTES(c0, c1, c2, c3), NNSP_BYTES(c4, c5, c6, c7), \
        NNSP_BYTES(d0, d1, d2, d3), NNSP_BYTES(d4, d5, d6, d7)
#endif

/* Biases b and multipliers m of four rows; n are those of an LSTM's recurrent matrix. */
#define NNSP_ROWS(b0, b1, b2, b3, m0, m1, m2, m3) \
    (uint32_t)(b0), (uint32_t)(b1), (uint32_t)(b2), (uint32_t)(b3), NNSP_HALVES(m0, m1), \
        NNSP_HALVES(m2, m3)
#define NNSP_GATES(b0, b1, b2, b3, m0, m1, m2, m3, n0, n1, n2, n3) \
    NNSP_ROWS(b0, b1, b2, b3, m0, m1, m2, m3), NNSP_HALVES(n0, n1), NNSP_HALVES(n2, n3)

#endif
