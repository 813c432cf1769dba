#include "nnsp_frontend.h"

#include <string.h>

#include "arithmetic.h"
#include "crc32.h"
#include "kernels.h"

#define FEATURE_FRAC 12

static unsigned bins_of(const nnsp_frontend_table *table)
{
    return table->fft_size / 2u + 1u;
}

static size_t round8(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

size_t nnsp_frontend_state_bytes(const nnsp_frontend_table *table)
{
    return round8(bins_of(table) * 2 * sizeof(int32_t)) + round8(table->window_size * sizeof(int32_t)) +
           round8(table->window_size * sizeof(int16_t));
}

static uint32_t checksum(const nnsp_frontend_table *table)
{
    const uint16_t head[12] = {(uint16_t)(table->rate & 0xFFFFu), (uint16_t)(table->rate >> 16), table->window_size,
                               table->hop, table->fft_size, table->features, table->feature_kind, table->window_shift,
                               table->power_shift, table->mask_shift, table->output_shift,
                               table->mask_floor};
    uint32_t crc = nnsp_crc32(0, head, sizeof head);
    crc = nnsp_crc32(crc, table->window, table->window_size * sizeof *table->window);
    crc = nnsp_crc32(crc, table->twiddle, (size_t)table->fft_size * 3 / 2 * sizeof *table->twiddle);
    if (table->feature_kind == NNSP_MEL) {
        crc = nnsp_crc32(crc, table->band_edge, (table->features + (size_t)2) * sizeof *table->band_edge);
        crc = nnsp_crc32(crc, table->rising, bins_of(table) * sizeof *table->rising);
    }
    crc = nnsp_crc32(crc, table->mean, table->features * sizeof *table->mean);
    return nnsp_crc32(crc, table->gain, table->features * sizeof *table->gain);
}

static nnsp_status check_table(const nnsp_frontend_table *table)
{
    const unsigned n = table->fft_size;
    if (n < 64 || n > 4096 || (n & (n - 1u)) != 0 || table->window_size > n || table->window_size % 2 != 0 ||
        table->hop == 0 || table->hop > table->window_size || table->features == 0 || table->features > bins_of(table) ||
        table->window == NULL || table->twiddle == NULL || table->mean == NULL || table->gain == NULL ||
        table->mask_floor > 16384 || table->window_shift > 30 || table->power_shift > 62 || table->mask_shift < 15 || table->mask_shift > 30 ||
        table->output_shift < 1 || table->output_shift > 30) {
        return NNSP_ERR_TABLE;
    }
    if (table->feature_kind == NNSP_PSPEC) {
        return table->features == bins_of(table) ? NNSP_OK : NNSP_ERR_TABLE;
    }
    if (table->feature_kind != NNSP_MEL || table->band_edge == NULL || table->rising == NULL) {
        return NNSP_ERR_TABLE;
    }
    for (unsigned j = 0; j <= table->features; j++) {
        if (table->band_edge[j] > table->band_edge[j + 1]) {
            return NNSP_ERR_TABLE;
        }
    }
    return table->band_edge[table->features + 1u] <= bins_of(table) ? NNSP_OK : NNSP_ERR_TABLE;
}

nnsp_status nnsp_frontend_init(nnsp_frontend *frontend, const nnsp_frontend_table *table, void *state, size_t bytes)
{
    if (frontend == NULL || table == NULL || state == NULL || (uintptr_t)state % 8 != 0) {
        return NNSP_ERR_ARGUMENT;
    }
    const nnsp_status status = check_table(table);
    if (status != NNSP_OK) {
        return status;
    }
    if (checksum(table) != table->checksum) {
        return NNSP_ERR_CHECKSUM;
    }
    if (bytes < nnsp_frontend_state_bytes(table)) {
        return NNSP_ERR_STATE;
    }
    uint8_t *memory = state;
    frontend->table = table;
    frontend->spectrum = (int32_t *)memory;
    memory += round8(bins_of(table) * 2 * sizeof(int32_t));
    frontend->overlap = (int32_t *)memory;
    memory += round8(table->window_size * sizeof(int32_t));
    frontend->history = (int16_t *)memory;
    nnsp_frontend_reset(frontend);
    return NNSP_OK;
}

void nnsp_frontend_reset(nnsp_frontend *frontend)
{
    memset(frontend->spectrum, 0, nnsp_frontend_state_bytes(frontend->table));
}

static unsigned log2_of(unsigned power_of_two)
{
    unsigned bits = 0;
    while (power_of_two >>= 1) {
        bits++;
    }
    return bits;
}

static unsigned bit_reversed(unsigned k, unsigned bits)
{
    unsigned reversed = 0;
    for (unsigned i = 0; i < bits; i++, k >>= 1) {
        reversed = (reversed << 1) | (k & 1u);
    }
    return reversed;
}

/*
 * From the transform Z of z[k] = x[2k] + j x[2k+1] to that of x, in place, for bins 0..M:
 *   X[k] = E - j W^k D / 2 with E = (Z[k] + conj Z[M-k]) / 2, D = Z[k] - conj Z[M-k], and its mirror X[M-k].
 */
static void split_forward(int32_t *z, unsigned m, const int32_t *twiddle)
{
    const int32_t re = z[0], im = z[1];
    z[0] = nnsp_add32(re, im);
    z[1] = 0;
    z[2 * m] = nnsp_sub32(re, im);
    z[2 * m + 1] = 0;
    for (unsigned k = 1; k <= m / 2; k++) {
        int32_t *a = z + 2 * k, *b = z + 2 * (m - k);
        const int32_t e[2] = {nnsp_add32(a[0] >> 1, b[0] >> 1), nnsp_sub32(a[1] >> 1, b[1] >> 1)};
        const int32_t d[2] = {nnsp_sub32(a[0], b[0]), nnsp_add32(a[1], b[1])};
        int32_t t[2];
        nnsp_rotate32(d, twiddle + 2 * k, t);
        a[0] = nnsp_add32(e[0], t[1]);
        a[1] = nnsp_sub32(e[1], t[0]);
        b[0] = nnsp_sub32(e[0], t[1]);
        b[1] = nnsp_sub32(nnsp_sub32(0, e[1]), t[0]);
    }
}

/* The way back: Z[k] = E + j conj(W^k) D / 2, real and imaginary parts exchanged so that a forward transform inverts. */
static void split_inverse(int32_t *z, unsigned m, const int32_t *twiddle)
{
    const int32_t first = z[0] >> 1, last = z[2 * m] >> 1;
    z[0] = nnsp_sub32(first, last);
    z[1] = nnsp_add32(first, last);
    for (unsigned k = 1; k <= m / 2; k++) {
        int32_t *a = z + 2 * k, *b = z + 2 * (m - k);
        const int32_t e[2] = {nnsp_add32(a[0] >> 1, b[0] >> 1), nnsp_sub32(a[1] >> 1, b[1] >> 1)};
        const int32_t d_conj[2] = {nnsp_sub32(a[0], b[0]), nnsp_sub32(nnsp_sub32(0, a[1]), b[1])};
        int32_t t_conj[2];
        nnsp_rotate32(d_conj, twiddle + 2 * k, t_conj);
        a[1] = nnsp_add32(e[0], t_conj[1]);
        a[0] = nnsp_add32(e[1], t_conj[0]);
        b[1] = nnsp_sub32(e[0], t_conj[1]);
        b[0] = nnsp_sub32(t_conj[0], e[1]);
    }
}

void nnsp_frontend_analyse(nnsp_frontend *frontend, const int16_t *in)
{
    const nnsp_frontend_table *table = frontend->table;
    const unsigned size = table->window_size, hop = table->hop, m = table->fft_size / 2u, bits = log2_of(m);
    int16_t *x = frontend->history;
    memmove(x, x + hop, (size - hop) * sizeof *x);
    memcpy(x + size - hop, in, hop * sizeof *x);
    for (unsigned k = 0; k < m; k++) {
        int32_t *z = frontend->spectrum + 2 * bit_reversed(k, bits);
        for (unsigned i = 0; i < 2; i++) {
            const unsigned n = 2 * k + i;
            z[i] = n < size ? (x[n] * table->window[n]) >> table->window_shift : 0;
        }
    }
    nnsp_fft_s32(frontend->spectrum, bits, table->twiddle);
    split_forward(frontend->spectrum, m, table->twiddle);
}

static uint64_t power_at(const nnsp_frontend *frontend, unsigned bin)
{
    const int64_t re = frontend->spectrum[2 * bin], im = frontend->spectrum[2 * bin + 1];
    return (uint64_t)(re * re + im * im) >> frontend->table->power_shift;
}

/* energy: Q15, in units of one int16 step squared; never below one such unit. */
static int16_t feature(const nnsp_frontend_table *table, unsigned k, uint64_t energy)
{
    const uint64_t one = (uint64_t)1 << 15;
    const int32_t level = nnsp_log2_u64(energy > one ? energy : one) - (15 << 16);
    return nnsp_saturate16(nnsp_round_shift((int64_t)(level - table->mean[k]) * table->gain[k], 32 - FEATURE_FRAC));
}

void nnsp_frontend_features(const nnsp_frontend *frontend, int16_t *features)
{
    const nnsp_frontend_table *table = frontend->table;
    if (table->feature_kind == NNSP_PSPEC) {
        for (unsigned k = 0; k < table->features; k++) {
            features[k] = feature(table, k, power_at(frontend, k) << 15);
        }
        return;
    }
    /* A bin shares its power between the band it rises in and the band before, where it falls by as much. */
    uint64_t rising = 0;
    for (unsigned j = 0; j <= table->features; j++) {
        uint64_t here = 0, all = 0;
        for (unsigned bin = table->band_edge[j]; bin < table->band_edge[j + 1]; bin++) {
            const uint64_t power = power_at(frontend, bin);
            here += power * (uint64_t)table->rising[bin];
            all += power << 15;
        }
        if (j > 0) {
            features[j - 1] = feature(table, j - 1, rising + (all - here));
        }
        rising = here;
    }
}

void nnsp_frontend_synthesise(nnsp_frontend *frontend, const int16_t *mask, int16_t *out)
{
    const nnsp_frontend_table *table = frontend->table;
    const unsigned size = table->window_size, hop = table->hop, m = table->fft_size / 2u, bits = log2_of(m);
    int32_t *z = frontend->spectrum, *sum = frontend->overlap;
    for (unsigned k = 0; k <= m; k++) {
        const int32_t gain = table->mask_floor + ((mask[k] * (32768 - table->mask_floor)) >> 15);
        for (unsigned i = 0; i < 2; i++) {
            z[2 * k + i] = nnsp_narrow32(((int64_t)z[2 * k + i] * gain) >> table->mask_shift);
        }
    }
    split_inverse(z, m, table->twiddle);
    for (unsigned k = 0; k < m; k++) {
        const unsigned other = bit_reversed(k, bits);
        for (unsigned i = 0; k < other && i < 2; i++) {
            const int32_t swap = z[2 * k + i];
            z[2 * k + i] = z[2 * other + i];
            z[2 * other + i] = swap;
        }
    }
    nnsp_fft_s32(z, bits, table->twiddle);
    for (unsigned n = 0; n < size; n++) {
        const int32_t x = z[n ^ 1u]; /* real and imaginary parts are still exchanged */
        sum[n] = nnsp_add32(sum[n], nnsp_narrow32(((int64_t)x * table->window[n]) >> 16));
    }
    for (unsigned n = 0; n < hop; n++) {
        out[n] = nnsp_saturate16(nnsp_round_shift(sum[n], table->output_shift));
    }
    memmove(sum, sum + hop, (size - hop) * sizeof *sum);
    memset(sum + size - hop, 0, hop * sizeof *sum);
}
