/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables of a model: what a generated def_nn<id>_<name>.c fills in and the library reads.
 * docs/numerics.md has the rules for every format here.
 */
#ifndef NNSP_TABLE_H
#define NNSP_TABLE_H

#include <stdint.h>

#include "nnsp_layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Generated files test this: stale tables stop the build. Raise it with any change below. */
#define NNSP_TABLE_VERSION 5

typedef enum nnsp_kind { NNSP_FC = 0, NNSP_LSTM = 1, NNSP_CONV1D = 2 } nnsp_kind;

typedef enum nnsp_activation {
    NNSP_LINEAR = 0,
    NNSP_RELU6 = 1,
    NNSP_TANH = 2,
    NNSP_SIGMOID = 3,
    NNSP_SOFTMAX = 4
} nnsp_activation;

typedef enum nnsp_feature_kind { NNSP_MEL = 0, NNSP_PSPEC = 1, NNSP_MFCC = 2 } nnsp_feature_kind;

/* The most mel bands of a cepstrum: their levels stand on the stack. */
#define NNSP_BANDS_MAX 128

/*
 * One layer. With R rows (units; 4 * units for an LSTM, gates i, f, g, o in turn) and C columns
 * (inputs; kernel_size * inputs for a conv1d, oldest frame first):
 *   acc = bias[r] + sum weights[r][c] * x[c]     int32; the tables prove that it never overflows
 *   y   = saturate16((acc * multiplier[r] + 2^(shift-1)) >> shift)
 * An LSTM adds recurrent[r] . h, times its own multiplier, before the one rounding.
 * y is Q12 into tanh and relu6, Q11 into sigmoid and softmax, Q(out_frac) for linear.
 * Weights lie in [-127, 127], multipliers in [32, 32767].
 */
typedef struct nnsp_layer {
    const uint32_t *weights; /* groups of four rows: blocks, biases, multipliers */
    uint16_t inputs;         /* channels of one input frame */
    uint16_t units;          /* outputs */
    uint16_t kernel_size;    /* frames that a conv1d sees, otherwise 1 */
    uint16_t strides;        /* a conv1d has an output every so many frames, otherwise 1 */
    uint8_t kind;            /* nnsp_kind */
    uint8_t activation;      /* nnsp_activation; LSTM: tanh; softmax only for an fc at the end */
    uint8_t in_frac;         /* fraction bits of x, 0..15 */
    uint8_t out_frac;        /* of the output: 15 for tanh, sigmoid, softmax, LSTM; 12 for relu6 */
    uint8_t shift;           /* 1..46 */
    uint8_t returns_last;    /* 1: an LSTM that returns h at the end of a clip only; then only fc */
} nnsp_layer;

typedef struct nnsp_network {
    const nnsp_layer *layers;
    uint16_t layer_count;
    uint16_t version;     /* NNSP_TABLE_VERSION */
    uint32_t checksum;    /* CRC-32 over clip_frames and the layers (docs/numerics.md) */
    uint16_t clip_frames; /* frames until the one output and a reset; 0 for an endless stream */
} nnsp_network;

/* Fixed-point short-time Fourier transform and features; bins = fft_size / 2 + 1. */
typedef struct nnsp_frontend_table {
    const int16_t *window;     /* Q15 [window_size], analysis and synthesis alike */
    const int32_t *twiddle;    /* Q31 (cos, -sin) in the order of docs/numerics.md */
    const uint16_t *band_edge; /* [bands + 2] first bin of each segment; NULL for pspec */
    const int16_t *rising;     /* Q15 [bins] weight in the band that rises there; NULL for pspec */
    const int16_t *dct;        /* mfcc: Q15 [features][bands], log2 energies to coefficients */
    const int32_t *mean;       /* Q16 [features] within 2^22; of mfcc coefficients within 2^27 */
    const int32_t *gain;       /* Q16 [features] 1 / deviation, 0..2^27 - 1 */
    uint32_t rate;             /* samples per second */
    uint16_t window_size;      /* samples, even */
    uint16_t hop;              /* samples per frame */
    uint16_t fft_size;         /* power of two, 64..4096 */
    uint16_t features;         /* bands for mel, bins for pspec, coefficients for mfcc */
    uint16_t bands;            /* 0 for pspec; for mfcc NNSP_BANDS_MAX at most */
    uint16_t mask_floor;       /* Q15, 0..16384: the least gain of a bin */
    uint16_t cut_bins;         /* lowest bins, whose gain is 0 */
    uint8_t feature_kind;      /* nnsp_feature_kind */
    uint8_t window_shift;      /* windowed samples: Q30 >> window_shift */
    uint8_t power_shift;       /* |X|^2 >> power_shift is in units of one int16 step squared */
    uint8_t mask_shift;        /* masked bin: X * mask >> mask_shift */
    uint8_t output_shift;      /* fraction bits of the overlap-add sum, 1..15 */
    uint32_t checksum;         /* CRC-32 over the tables above */
} nnsp_frontend_table;

/* What turns a classifier's scores into decisions (nnsp_detector.h). */
typedef enum nnsp_detector_kind { NNSP_DETECT_STATE = 0, NNSP_DETECT_EVENT = 1 } nnsp_detector_kind;

typedef struct nnsp_detector_table {
    uint8_t kind;      /* nnsp_detector_kind */
    uint8_t smoothing; /* 0..7: a score moves 1 / 2^smoothing of the way to each new one */
    uint16_t hold;     /* outputs: how long a state outlasts its score, or no event follows */
    int16_t threshold; /* Q15 */
} nnsp_detector_table;

typedef enum nnsp_task { NNSP_ENHANCE = 0, NNSP_CLASSIFY = 1 } nnsp_task;

typedef struct nnsp_model {
    const char *name;
    const nnsp_frontend_table *frontend;
    const nnsp_network *network;
    const char *const *labels;           /* names of a classifier's scores; NULL for an enhancer */
    const nnsp_detector_table *detector; /* NULL where there is none */
    uint32_t state_bytes;                /* of its enhancer or classifier; the same everywhere */
    uint16_t id;
    uint16_t label_count;
    uint8_t task; /* nnsp_task */
} nnsp_model;

#ifdef __cplusplus
}
#endif

#endif
