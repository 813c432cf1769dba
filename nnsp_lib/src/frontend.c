#include "nnsp_frontend.h"

#include <string.h>

#include "crc32.h"
#include "kernels.h"
#include "transform.h"

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
    return (size_t)(nnsp_split_twiddle(bits, table->twiddle) - table->twiddle) + table->fft_size / 2u + 2u;
}

static uint32_t checksum(const nnsp_frontend_table *table)
{
    const uint16_t head[13] = {(uint16_t)(table->rate & 0xFFFFu), (uint16_t)(table->rate >> 16), table->window_size,
                               table->hop, table->fft_size, table->features, table->feature_kind, table->window_shift,
                               table->power_shift, table->mask_shift, table->output_shift,
                               table->mask_floor, table->cut_bins};
    uint32_t crc = nnsp_crc32(0, head, sizeof head);
    crc = nnsp_crc32(crc, table->window, table->window_size * sizeof *table->window);
    crc = nnsp_crc32(crc, table->twiddle, twiddle_words(table) * sizeof *table->twiddle);
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
        table->mask_floor > 16384 || table->cut_bins > bins_of(table) || table->window_shift > 30 || table->power_shift > 62 || table->mask_shift < 15 || table->mask_shift > 30 ||
        table->output_shift < 1 || table->output_shift > 30) {
        return NNSP_ERR_TABLE;
    }
    for (unsigned k = 0; k < table->features; k++) {
        if (table->mean[k] >= 1 << 22 || table->mean[k] <= -(1 << 22) || table->gain[k] >= 1 << 27 || table->gain[k] < 0) {
            return NNSP_ERR_TABLE;
        }
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

void nnsp_frontend_analyse(nnsp_frontend *frontend, const int16_t *in)
{
    const nnsp_frontend_table *table = frontend->table;
    const unsigned size = table->window_size, hop = table->hop, bits = log2_of(table->fft_size / 2u);
    int16_t *x = frontend->history;
    memmove(x, x + hop, (size - hop) * sizeof *x);
    memcpy(x + size - hop, in, hop * sizeof *x);
    nnsp_rfft_s32(x, table->window, size, table->window_shift, frontend->spectrum, bits, table->twiddle);
}

void nnsp_frontend_features(const nnsp_frontend *frontend, int16_t *features)
{
    nnsp_features_s16(frontend->table, frontend->spectrum, features);
}

void nnsp_frontend_synthesise(nnsp_frontend *frontend, const int16_t *mask, int16_t *out)
{
    const nnsp_frontend_table *table = frontend->table;
    const unsigned bits = log2_of(table->fft_size / 2u);
    int32_t *z = frontend->spectrum;
    memset(z, 0, table->cut_bins * 2 * sizeof *z);
    nnsp_irfft_s32(z, mask, table->mask_floor, table->mask_shift, bits, table->twiddle);
    nnsp_overlap_add_s32(frontend->overlap, z, table->window, table->window_size, table->hop, table->output_shift, out);
}
