/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernels on the cases of cases.bin, and what they give to results.bin: the same program for a
 * board, with the target's kernels, and for this computer, with the portable ones.
 * tests/library/test_kernels.py writes the cases and compares.
 *
 * A case is ten 32-bit words (kind, six arguments, unused, bytes of input, bytes of output), then
 * its arrays, each padded to 8 bytes. Every array lies between guards, at an address that the case
 * chooses; guards of outputs are part of the result.
 */
#include "files.h"
#include "kernels/arithmetic.h"
#include "kernels/kernels.h"
#include "models.h" /* MODELS(MODEL): symbol, bytes of state, name of the architecture */
#include "nnsp.h"
#include "stream.h"

enum {
    MATVEC,
    GATES,
    TANH,
    SIGMOID,
    RELU6,
    LSTM_UPDATE,
    FFT,
    WINDOW,
    BIT_REVERSE,
    SPLIT_FORWARD,
    SPLIT_INVERSE,
    RFFT,
    IRFFT,
    MASK,
    BAND_MASK,
    OVERLAP_ADD,
    LOG2,
    FEATURES,
    ENHANCER,
    CLASSIFIER
};

#define GUARD_BYTES 16u
#define GUARD 0x5A
#define ARENA_BYTES (1u << 20)
#define WORD 4u /* the offset of words: no more aligned than their type asks for */

typedef struct header {
    uint32_t kind;
    uint32_t argument[6];
    uint32_t unused;
    uint32_t input_bytes;
    uint32_t output_bytes;
} header;

static uint64_t cases[160u << 10], results[160u << 10], arena[ARENA_BYTES / 8];
static size_t arena_used;
static const uint8_t *input;
static uint8_t *output;

/* Room for an array, `offset` bytes behind a multiple of 16. */
static void *room(size_t bytes, unsigned offset)
{
    uint8_t *at = (uint8_t *)arena + arena_used + GUARD_BYTES + offset;
    arena_used += (2 * GUARD_BYTES + offset + bytes + 15u) / 16u * 16u;
    if (arena_used > ARENA_BYTES) {
        leave(4);
    }
    memset(at - GUARD_BYTES - offset, GUARD, 2 * GUARD_BYTES + offset + bytes);
    return at;
}

/* The next array of the case. */
static void *take(size_t bytes, unsigned offset)
{
    void *at = room(bytes, offset);
    memcpy(at, input, bytes);
    input += (bytes + 7u) / 8u * 8u;
    return at;
}

static void give(const void *array, size_t bytes)
{
    memcpy(output, (const uint8_t *)array - GUARD_BYTES, bytes + 2 * GUARD_BYTES);
    output += bytes + 2 * GUARD_BYTES;
}

static stream_matrix take_matrix(unsigned rows, unsigned cols)
{
    return (stream_matrix){take((size_t)rows * cols, 0), rows, cols};
}

/* y of a matrix: what is behind the rows, up to a whole block, is nobody's business. */
static void give_rows(int16_t *y, unsigned rows)
{
    memset(y + rows, 0, (nnsp_padded(rows) - rows) * sizeof *y);
    give(y, nnsp_padded(rows) * sizeof *y);
}

/* rows, cols, shift, offset of x, offset of y; weights, bias, multiplier, x [padded cols] */
static void matvec(const uint32_t *a)
{
    const unsigned rows = a[0], cols = a[1];
    const stream_matrix matrix = take_matrix(rows, cols);
    const int32_t *bias = take(rows * sizeof *bias, 0);
    const int16_t *multiplier = take(rows * sizeof *multiplier, 0),
                  *x = take(nnsp_padded(cols) * sizeof *x, a[3]);
    uint32_t *stream = room(STREAM_WORDS(rows, cols) * sizeof *stream, WORD);
    int16_t *y = room(nnsp_padded(rows) * sizeof *y, a[4]);
    stream_fill(stream, &matrix, bias, multiplier, NULL, NULL);
    nnsp_matvec_s8_s16(stream, a[2], x, rows, cols, y);
    give_rows(y, rows);
}

/*
 * units, cols, shift, offset of x, of h, of y; as for matvec, then recurrent, its multiplier, h
 * [padded units]
 */
static void gates(const uint32_t *a)
{
    const unsigned units = a[0], cols = a[1], rows = 4 * units;
    const stream_matrix matrix = take_matrix(rows, cols);
    const int32_t *bias = take(rows * sizeof *bias, 0);
    const int16_t *multiplier = take(rows * sizeof *multiplier, 0),
                  *x = take(nnsp_padded(cols) * sizeof *x, a[3]);
    const stream_matrix recurrent = take_matrix(rows, units);
    const int16_t *other = take(rows * sizeof *other, 0),
                  *h = take(nnsp_padded(units) * sizeof *h, a[4]);
    uint32_t *stream =
        room((STREAM_WORDS(rows, cols) + STREAM_WORDS(rows, units)) * sizeof *stream, WORD);
    int16_t *y = room(nnsp_padded(rows) * sizeof *y, a[5]);
    stream_fill(stream, &matrix, bias, multiplier, &recurrent, other);
    nnsp_gates_s8_s16(stream, a[2], x, cols, h, units, y);
    give_rows(y, rows);
}

/* n, offset; x */
static void activation(const uint32_t *a, void (*apply)(int16_t *, unsigned))
{
    int16_t *x = take(a[0] * sizeof *x, a[1]);
    apply(x, a[0]);
    give(x, a[0] * sizeof *x);
}

/* n, offset of gates, of h; gates [4n], c */
static void lstm_update(const uint32_t *a)
{
    const unsigned n = a[0];
    const int16_t *gate = take(4 * n * sizeof *gate, a[1]);
    int32_t *c = take(n * sizeof *c, WORD);
    int16_t *h = room(n * sizeof *h, a[2]);
    nnsp_lstm_update_s16(gate, n, c, h);
    give(c, n * sizeof *c);
    give(h, n * sizeof *h);
}

/* log2n; z, and for all but bit reversal twiddles */
static void transform(const uint32_t *a, size_t points,
                      void (*apply)(int32_t *, unsigned, const int32_t *))
{
    int32_t *z = take(points * 2 * sizeof *z, WORD);
    const int32_t *twiddle = take(((size_t)3 << a[0]) * sizeof *twiddle, WORD);
    apply(z, a[0], twiddle);
    give(z, points * 2 * sizeof *z);
}

static void bit_reverse(int32_t *z, unsigned log2n, const int32_t *twiddle)
{
    (void)twiddle;
    nnsp_bit_reverse_s32(z, log2n);
}

/* size, shift, log2n, offset of x, of the window; x, window */
static void window(const uint32_t *a)
{
    const int16_t *x = take(a[0] * sizeof *x, a[3]), *w = take(a[0] * sizeof *w, a[4]);
    const size_t bytes = ((size_t)2 << a[2]) * sizeof(int32_t);
    int32_t *z = room(bytes, WORD);
    nnsp_window_s16(x, w, a[0], a[1], z, a[2]);
    give(z, bytes);
}

/* size, shift, log2n, offset of x, of the window; x, window, twiddles */
static void rfft(const uint32_t *a)
{
    const int16_t *x = take(a[0] * sizeof *x, a[3]), *w = take(a[0] * sizeof *w, a[4]);
    const int32_t *twiddle = take(((size_t)3 << a[2]) * sizeof *twiddle, WORD);
    const size_t bytes = (((size_t)1 << a[2]) + 1) * 2 * sizeof(int32_t);
    int32_t *z = room(bytes, WORD);
    nnsp_rfft_s32(x, w, a[0], a[1], z, a[2], twiddle);
    give(z, bytes);
}

/* log2n, floor, shift, offset of the mask; z, mask, twiddles */
static void irfft(const uint32_t *a)
{
    const size_t points = (size_t)1 << a[0];
    int32_t *z = take((points + 1) * 2 * sizeof *z, WORD);
    const int16_t *gain = take((points + 1) * sizeof *gain, a[3]);
    const int32_t *twiddle = take(3 * points * sizeof *twiddle, WORD);
    nnsp_irfft_s32(z, gain, a[1], a[2], a[0], twiddle);
    memset(z + 2 * points, GUARD, 2 * sizeof *z); /* the last bin is used up, and may stay or not */
    give(z, points * 2 * sizeof *z);
}

/* bins, floor, shift, offset of the mask; z, mask */
static void mask(const uint32_t *a)
{
    int32_t *z = take(a[0] * 2 * sizeof *z, WORD);
    const int16_t *gain = take(a[0] * sizeof *gain, a[3]);
    nnsp_mask_s32(z, gain, a[0], a[1], a[2]);
    give(z, a[0] * 2 * sizeof *z);
}

/* bands, bins, offset of the bands, of edges, of rising, of the mask; band, edge, rising */
static void band_mask(const uint32_t *a)
{
    const int16_t *band = take(a[0] * sizeof *band, a[2]);
    const uint16_t *edge = take((a[0] + 2) * sizeof *edge, a[3]);
    const int16_t *rising = take(a[1] * sizeof *rising, a[4]);
    int16_t *to = room(a[1] * sizeof *to, a[5]);
    nnsp_band_mask_s16(band, a[0], edge, rising, to, a[1]);
    give(to, a[1] * sizeof *to);
}

/* size, hop, shift, offset of the window, of out; sum, z, window */
static void overlap_add(const uint32_t *a)
{
    int32_t *sum = take(a[0] * sizeof *sum, WORD);
    const int32_t *z = take(a[0] * sizeof *z, WORD);
    const int16_t *w = take(a[0] * sizeof *w, a[3]);
    int16_t *out = room(a[1] * sizeof *out, a[4]);
    nnsp_overlap_add_s32(sum, z, w, a[0], a[1], a[2], out);
    give(sum, a[0] * sizeof *sum);
    give(out, a[1] * sizeof *out);
}

/* n; x [n] */
static void log2_of_each(const uint32_t *a)
{
    const uint64_t *x = take(a[0] * sizeof *x, 0);
    int32_t *level = room(a[0] * sizeof *level, 0);
    for (unsigned i = 0; i < a[0]; i++) {
        level[i] = nnsp_log2_u64(x[i]);
    }
    give(level, a[0] * sizeof *level);
}

/*
 * features, kind, power shift, bins, offset of features and of rising; z, band edges, rising, mean,
 * gain
 */
static void features(const uint32_t *a)
{
    const size_t n = a[0], bins = a[3];
    const int32_t *z = take(bins * 2 * sizeof *z, WORD);
    const uint16_t *edge = take((n + 2) * sizeof *edge, 2);
    const int16_t *rising = take(bins * sizeof *rising, a[5]);
    const int32_t *mean = take(n * sizeof *mean, WORD), *gain = take(n * sizeof *gain, WORD);
    const nnsp_frontend_table table = {.band_edge = edge,
                                       .rising = rising,
                                       .mean = mean,
                                       .gain = gain,
                                       .features = (uint16_t)n,
                                       .feature_kind = (uint8_t)a[1],
                                       .power_shift = (uint8_t)a[2]};
    int16_t *out = room(n * sizeof *out, a[4]);
    nnsp_features_s16(&table, z, out);
    give(out, n * sizeof *out);
}

#define STATE(symbol, bytes, arch) uint64_t symbol[(bytes + 7) / 8];
#define MODEL(symbol, bytes, arch) &symbol,
static union {
    MODELS(STATE)
} state;
static const nnsp_model *const models[] = {MODELS(MODEL)};

/*
 * number of the model, samples, hops between changes to skipping and back (0: none is skipped);
 * samples
 */
static void enhance(const uint32_t *a)
{
    static nnsp_enhancer enhancer;
    const nnsp_model *model = models[a[0]];
    int16_t *x = take(a[1] * sizeof *x, 2);
    if (nnsp_enhancer_init(&enhancer, model, &state, model->state_bytes) != NNSP_OK) {
        leave(5);
    }
    const uint32_t hop = model->frontend->hop;
    for (uint32_t i = 0; i < a[1]; i += hop) {
        if (a[2] > 0 && i / hop / a[2] % 2 == 1) {
            nnsp_enhancer_analyse(&enhancer, x + i);
            nnsp_enhancer_skip(&enhancer, x + i);
        } else if (nnsp_enhancer_process(&enhancer, x + i, x + i) != NNSP_OK) {
            leave(6);
        }
    }
    give(x, a[1] * sizeof *x);
}

/*
 * number of the model, samples, outputs; samples. Each output is its scores and what the detector
 * makes of them.
 */
static void classify(const uint32_t *a)
{
    static nnsp_classifier classifier;
    static nnsp_detector detector;
    static int32_t smoothed[16];
    const nnsp_model *model = models[a[0]];
    const size_t width = model->label_count + (size_t)1;
    int16_t *x = take(a[1] * sizeof *x, 2), *out = room(a[2] * width * sizeof *out, 2), *to = out;
    if (nnsp_classifier_init(&classifier, model, &state, model->state_bytes) != NNSP_OK ||
        width > 16 || nnsp_detector_init(&detector, model, smoothed) != NNSP_OK) {
        leave(5);
    }
    for (uint32_t i = 0; i < a[1]; i += model->frontend->hop) {
        int16_t scores[16];
        const nnsp_status status = nnsp_classifier_process(&classifier, x + i, scores);
        if (status < NNSP_OK || (status == NNSP_OK && to == out + a[2] * width)) {
            leave(6);
        }
        if (status == NNSP_OK) {
            memcpy(to, scores, model->label_count * sizeof *to);
            to[model->label_count] = (int16_t)nnsp_detector_step(&detector, scores);
            to += width;
        }
    }
    give(out, a[2] * width * sizeof *out);
}

static void run(const header *h)
{
    const uint32_t *a = h->argument;
    const size_t points = (size_t)1 << a[0] % 32;
    switch (h->kind) {
    case MATVEC:
        matvec(a);
        break;
    case GATES:
        gates(a);
        break;
    case TANH:
        activation(a, nnsp_tanh_s16);
        break;
    case SIGMOID:
        activation(a, nnsp_sigmoid_s16);
        break;
    case RELU6:
        activation(a, nnsp_relu6_s16);
        break;
    case LSTM_UPDATE:
        lstm_update(a);
        break;
    case FFT:
        transform(a, points, nnsp_fft_s32);
        break;
    case WINDOW:
        window(a);
        break;
    case BIT_REVERSE:
        transform(a, points, bit_reverse);
        break;
    case SPLIT_FORWARD:
        transform(a, points + 1, nnsp_split_forward_s32);
        break;
    case SPLIT_INVERSE:
        transform(a, points + 1, nnsp_split_inverse_s32);
        break;
    case RFFT:
        rfft(a);
        break;
    case IRFFT:
        irfft(a);
        break;
    case MASK:
        mask(a);
        break;
    case BAND_MASK:
        band_mask(a);
        break;
    case OVERLAP_ADD:
        overlap_add(a);
        break;
    case LOG2:
        log2_of_each(a);
        break;
    case FEATURES:
        features(a);
        break;
    case ENHANCER:
        enhance(a);
        break;
    case CLASSIFIER:
        classify(a);
        break;
    default:
        leave(7);
    }
}

int main(void)
{
    const size_t bytes = read_file("cases.bin", cases, sizeof cases);
    const uint8_t *end = (const uint8_t *)cases + bytes;
    input = (const uint8_t *)cases;
    output = (uint8_t *)results;
    while (input < end) {
        const header *h = (const header *)input;
        const uint8_t *next = input + sizeof *h + h->input_bytes;
        uint8_t *done = output + h->output_bytes;
        if ((size_t)(done - (uint8_t *)results) > sizeof results) {
            leave(4);
        }
        input += sizeof *h;
        arena_used = 0;
        run(h);
        if (input != next || output != done) {
            leave(8);
        }
    }
#ifdef NNSP_CHECKED
    if (nnsp_checked.overflows > 0) {
        leave(9);
    }
#endif
    write_file("results.bin", results, (size_t)(output - (uint8_t *)results));
    leave(0);
}

#ifdef __arm__
#include "port.h"

/* The board's startup asks for it. */
void app_fault(const char *what, uint32_t where, uint32_t status, uint32_t address)
{
    (void)what;
    (void)where;
    (void)status;
    (void)address;
    leave(2);
}
#endif
