/* SPDX-License-Identifier: BSD-3-Clause */
#include "layer.h"

#include "crc32.h"
#include "kernels/kernels.h"

/*
 * Calls by name instead of by pointer: the compiler's call graph stays whole, and bounds the stack.
 */
#define IS_VALID(number, name) \
    case number: \
        return nnsp_##name##_is_valid(layer, last, ended);
#define STATE_BYTES(number, name) \
    case number: \
        return nnsp_##name##_state_bytes(layer);
#define SCRATCH_BYTES(number, name) \
    case number: \
        return nnsp_##name##_scratch_bytes(layer);
#define WEIGHTS(number, name) \
    case number: \
        return nnsp_##name##_weights(layer);
#define STEP(number, name) \
    case number: \
        return nnsp_##name##_step(layer, state, in, out, scratch);

int nnsp_layer_is_valid(const nnsp_layer *layer, int last, int ended)
{
    if (layer->weights == NULL || layer->inputs == 0 || layer->units == 0 ||
        layer->units > UINT16_MAX / 4 || layer->kernel_size == 0 || layer->strides == 0 ||
        layer->shift < 1 || layer->shift > 46 || layer->in_frac > 15 ||
        (uint32_t)layer->kernel_size * layer->inputs > UINT16_MAX ||
        !nnsp_activation_is_valid(layer)) {
        return 0;
    }
    switch (layer->kind) {
        NNSP_LAYERS(IS_VALID)
    }
    return 0;
}

size_t nnsp_layer_state_bytes(const nnsp_layer *layer)
{
    switch (layer->kind) {
        NNSP_LAYERS(STATE_BYTES)
    }
    return 0;
}

size_t nnsp_layer_scratch_bytes(const nnsp_layer *layer)
{
    switch (layer->kind) {
        NNSP_LAYERS(SCRATCH_BYTES)
    }
    return 0;
}

static nnsp_weight_groups weights(const nnsp_layer *layer)
{
    switch (layer->kind) {
        NNSP_LAYERS(WEIGHTS)
    }
    return (nnsp_weight_groups){0, 0, 0};
}

uint32_t nnsp_layer_checksum(uint32_t crc, const nnsp_layer *layer)
{
    const uint16_t head[10] = {
        layer->kind,   layer->activation, layer->in_frac,     layer->out_frac, layer->shift,
        layer->inputs, layer->units,      layer->kernel_size, layer->strides,  layer->returns_last};
    const nnsp_weight_groups groups = weights(layer);
    const uint32_t *at = layer->weights;
    crc = nnsp_crc32(crc, head, sizeof head);
    for (size_t r = 0; r < groups.rows; r += NNSP_GROUP_ROWS) {
        for (size_t c = 0; c < groups.cols; c += NNSP_BLOCK_COLS, at += NNSP_BLOCK_WORDS) {
            int8_t plain[NNSP_GROUP_ROWS * NNSP_BLOCK_COLS];
            for (unsigned k = 0; k < sizeof plain; k++) {
                plain[k] = nnsp_weight(at, k / NNSP_BLOCK_COLS, k % NNSP_BLOCK_COLS);
            }
            crc = nnsp_crc32(crc, plain, sizeof plain);
        }
        crc = nnsp_crc32(crc, at, groups.words * sizeof *at);
        at += groups.words;
    }
    return crc;
}

nnsp_status nnsp_layer_step(const nnsp_layer *layer, void *state, const int16_t *in, int16_t *out,
                            int16_t *scratch)
{
    switch (layer->kind) {
        NNSP_LAYERS(STEP)
    }
    return NNSP_OK;
}
