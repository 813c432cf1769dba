/* SPDX-License-Identifier: BSD-3-Clause */
#include "nnsp_frontend.h"

#include <string.h>

#include "crc32.h"
#include "kernels/feature.h"
#include "kernels/kernels.h"
#include "kernels/transform.h"

static unsigned bins_of(const nnsp_frontend_table *table)
{
    return table->fft_size / 2u + 1u;
}

static size_t round8(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

size_t nnsp_frontend_analysis_bytes(const nnsp_frontend_table *table)
{
    return round8(bins_of(table) * 2 * sizeof(int32_t)) +
           round8(table->window_size * sizeof(int16_t));
}

size_t nnsp_frontend_state_bytes(const nnsp_frontend_table *table)
{
    return nnsp_frontend_analysis_bytes(table) + round8(table->window_size * sizeof(int32_t));
}

static unsigned log2_of(unsigned power_of_two)
{
    unsigned bits = 0;
    while (power_of_two >>= 1) {
        bits++;
    }
    return bits;
}

static size_t twiddle_words(const nnsp_frontend_table *table)
{
    const unsigned bits = log2_of(table->fft_size / 2u);
    return (size_t)(nnsp_split_twiddle(bits, table->twiddle) - table->twiddle) +
           table->fft_size / 2u + 2u;
}

static uint32_t checksum(const nnsp_frontend_table *table)
{
    const uint16_t head[14] = {(uint16_t)(table->rate & 0xFFFFu),
                               (uint16_t)(table->rate >> 16),
                               table->window_size,
                               table->hop,
                               table->fft_size,
                               table->features,
                               table->feature_kind,
                               table->window_shift,
                               table->power_shift,
                               table->mask_shift,
                               table->output_shift,
                               table->mask_floor,
                               table->cut_bins,
                               table->bands};
    uint32_t crc = nnsp_crc32(0, head, sizeof head);
    crc = nnsp_crc32(crc, table->window, table->window_size * sizeof *table->window);
    crc = nnsp_crc32(crc, table->twiddle, twiddle_words(table) * sizeof *table->twiddle);
    if (table->feature_kind != NNSP_PSPEC) {
        crc = nnsp_crc32(crc, table->band_edge,
                         (table->bands + (size_t)2) * sizeof *table->band_edge);
        crc = nnsp_crc32(crc, table->rising, bins_of(table) * sizeof *table->rising);
    }
    if (table->feature_kind == NNSP_MFCC) {
        crc = nnsp_crc32(crc, table->dct,
                         (size_t)table->features * table->bands * sizeof *table->dct);
    }
    crc = nnsp_crc32(crc, table->mean, table->features * sizeof *table->mean);
    return nnsp_crc32(crc, table->gain, table->features * sizeof *table->gain);
}

static nnsp_status check_table(const nnsp_frontend_table *table)
{
    const unsigned n = table->fft_size;
    if (n < 64 || n > 4096 || (n & (n - 1u)) != 0 || table->window_size > n ||
        table->window_size % 2 != 0 || table->hop == 0 || table->hop > table->window_size ||
        table->features == 0 || table->features > bins_of(table) || table->window == NULL ||
        table->twiddle == NULL || table->mean == NULL || table->gain == NULL ||
        table->mask_floor > 16384 || table->cut_bins > bins_of(table) || table->window_shift > 30 ||
        table->power_shift > 62 || table->mask_shift < 15 || table->mask_shift > 30 ||
        table->output_shift < 1 || table->output_shift > 15) {
        return NNSP_ERR_TABLE;
    }
    const int mfcc = table->feature_kind == NNSP_MFCC;
    const int32_t mean_end = mfcc ? 1 << 27 : 1 << 22;
    for (unsigned k = 0; k < table->features; k++) {
        if (table->mean[k] >= mean_end || table->mean[k] <= -mean_end ||
            table->gain[k] >= 1 << 27 || table->gain[k] < 0) {
            return NNSP_ERR_TABLE;
        }
    }
    if (table->feature_kind == NNSP_PSPEC) {
        return table->features == bins_of(table) && table->bands == 0 ? NNSP_OK : NNSP_ERR_TABLE;
    }
    if ((table->feature_kind != NNSP_MEL && !mfcc) || table->band_edge == NULL ||
        table->rising == NULL ||
        (mfcc
             ? table->dct == NULL || table->bands > NNSP_BANDS_MAX || table->bands < table->features
             : table->bands != table->features)) {
        return NNSP_ERR_TABLE;
    }
    for (unsigned j = 0; j <= table->bands; j++) {
        if (table->band_edge[j] > table->band_edge[j + 1]) {
            return NNSP_ERR_TABLE;
        }
    }
    return table->band_edge[table->bands + 1u] <= bins_of(table) ? NNSP_OK : NNSP_ERR_TABLE;
}

static nnsp_status check(const nnsp_frontend_table *table)
{
    const nnsp_status status = check_table(table);
    return status != NNSP_OK || checksum(table) == table->checksum ? status : NNSP_ERR_CHECKSUM;
}

nnsp_status nnsp_frontend_init_analysis(nnsp_frontend *frontend, const nnsp_frontend_table *table,
                                        void *state, size_t bytes)
{
    if (frontend == NULL || table == NULL || state == NULL || (uintptr_t)state % 8 != 0) {
        return NNSP_ERR_ARGUMENT;
    }
    const nnsp_status status = check(table);
    if (status != NNSP_OK) {
        return status;
    }
    if (bytes < nnsp_frontend_analysis_bytes(table)) {
        return NNSP_ERR_STATE;
    }
    frontend->table = table;
    frontend->spectrum = state;
    frontend->history =
        (int16_t *)((uint8_t *)state + round8(bins_of(table) * 2 * sizeof(int32_t)));
    frontend->overlap = NULL;
    nnsp_frontend_reset(frontend);
    return NNSP_OK;
}

nnsp_status nnsp_frontend_init(nnsp_frontend *frontend, const nnsp_frontend_table *table,
                               void *state, size_t bytes)
{
    const nnsp_status status = nnsp_frontend_init_analysis(frontend, table, state, bytes);
    if (status != NNSP_OK) {
        return status;
    }
    if (bytes < nnsp_frontend_state_bytes(table)) {
        return NNSP_ERR_STATE;
    }
    frontend->overlap = (int32_t *)((uint8_t *)state + nnsp_frontend_analysis_bytes(table));
    nnsp_frontend_reset(frontend);
    return NNSP_OK;
}

nnsp_status nnsp_frontend_init_shared(nnsp_frontend *frontend, const nnsp_frontend_table *table,
                                      const nnsp_frontend *source)
{
    if (frontend == NULL || table == NULL || source == NULL) {
        return NNSP_ERR_ARGUMENT;
    }
    const nnsp_status status = check(table);
    if (status != NNSP_OK) {
        return status;
    }
    const nnsp_frontend_table *theirs = source->table;
    if (theirs->rate != table->rate || theirs->window_size != table->window_size ||
        theirs->hop != table->hop || theirs->fft_size != table->fft_size ||
        theirs->window_shift != table->window_shift ||
        memcmp(theirs->window, table->window, table->window_size * sizeof *table->window) != 0) {
        return NNSP_ERR_SHAPE;
    }
    *frontend = (nnsp_frontend){.table = table, .spectrum = source->spectrum};
    return NNSP_OK;
}

void nnsp_frontend_reset(nnsp_frontend *frontend)
{
    const nnsp_frontend_table *table = frontend->table;
    memset(frontend->spectrum, 0,
           frontend->overlap == NULL ? nnsp_frontend_analysis_bytes(table)
                                     : nnsp_frontend_state_bytes(table));
}

void nnsp_frontend_analyse(nnsp_frontend *frontend, const int16_t *in)
{
    const nnsp_frontend_table *table = frontend->table;
    const unsigned size = table->window_size, hop = table->hop,
                   bits = log2_of(table->fft_size / 2u);
    int16_t *x = frontend->history;
    memmove(x, x + hop, (size - hop) * sizeof *x);
    memcpy(x + size - hop, in, hop * sizeof *x);
    nnsp_rfft_s32(x, table->window, size, table->window_shift, frontend->spectrum, bits,
                  table->twiddle);
}

/* From the newest sample on, so that in sound it ends at once. */
int nnsp_frontend_silent(const nnsp_frontend *frontend)
{
    const int16_t *x = frontend->history;
    for (unsigned k = frontend->table->window_size; k-- > 0;) {
        if (x[k] < -1 || x[k] > 1) {
            return 0;
        }
    }
    return 1;
}

void nnsp_frontend_features(const nnsp_frontend *frontend, int16_t *features)
{
    if (frontend->table->feature_kind == NNSP_MFCC) {
        nnsp_mfcc_s16(frontend->table, frontend->spectrum, features);
    } else {
        nnsp_features_s16(frontend->table, frontend->spectrum, features);
    }
}

void nnsp_frontend_synthesise(nnsp_frontend *frontend, const int16_t *mask, int16_t *out)
{
    const nnsp_frontend_table *table = frontend->table;
    const unsigned bits = log2_of(table->fft_size / 2u);
    int32_t *z = frontend->spectrum;
    memset(z, 0, table->cut_bins * 2 * sizeof *z);
    nnsp_irfft_s32(z, mask, table->mask_floor, table->mask_shift, bits, table->twiddle);
    nnsp_overlap_add_s32(frontend->overlap, z, table->window, table->window_size, table->hop,
                         table->output_shift, out);
}

/* As far as the overlap-add, in its order and format: z = x * window * mask_floor. */
void nnsp_frontend_turn_down(nnsp_frontend *frontend, int16_t *out)
{
    const nnsp_frontend_table *table = frontend->table;
    const int16_t *x = frontend->history, *window = table->window;
    const int32_t floor = (int32_t)table->mask_floor << (table->output_shift + 1); /* <= 2^30 */
    int32_t *z = frontend->spectrum;
    for (unsigned k = 0; k < table->window_size; k += 2) {
        z[k] = 4 * nnsp_mulhr32(x[k + 1] * window[k + 1], floor);
        z[k + 1] = 4 * nnsp_mulhr32(x[k] * window[k], floor);
    }
    nnsp_overlap_add_s32(frontend->overlap, z, window, table->window_size, table->hop,
                         table->output_shift, out);
}
