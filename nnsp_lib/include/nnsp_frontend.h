/* Fixed-point analysis, features and synthesis around a network. */
#ifndef NNSP_FRONTEND_H
#define NNSP_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#include "nnsp_status.h"
#include "nnsp_table.h"

typedef struct nnsp_frontend {
    const nnsp_frontend_table *table;
    int32_t *spectrum; /* [fft_size / 2 + 1][2] real, imaginary of the present frame */
    int16_t *history;  /* [window_size] the last samples, oldest first */
    int32_t *overlap;  /* [window_size] synthesis sum, Q(output_shift); NULL where there is analysis alone */
} nnsp_frontend;

/* Bytes of state, a multiple of 8: of all of it, and of analysis and features alone. */
size_t nnsp_frontend_state_bytes(const nnsp_frontend_table *table);
size_t nnsp_frontend_analysis_bytes(const nnsp_frontend_table *table);

/* As nnsp_net_init. After nnsp_frontend_init_analysis, the last two functions here must not be called: there is no overlap. */
nnsp_status nnsp_frontend_init(nnsp_frontend *frontend, const nnsp_frontend_table *table, void *state, size_t bytes);
nnsp_status nnsp_frontend_init_analysis(nnsp_frontend *frontend, const nnsp_frontend_table *table, void *state, size_t bytes);

/*
 * Features alone, by another table, of the spectrum of `source`, which must live as long. NNSP_ERR_SHAPE where rate, window, hop or
 * transform differ.
 */
nnsp_status nnsp_frontend_init_shared(nnsp_frontend *frontend, const nnsp_frontend_table *table, const nnsp_frontend *source);

void nnsp_frontend_reset(nnsp_frontend *frontend);

/* Take one hop of samples; the spectrum of the last window_size samples stands in frontend->spectrum. */
void nnsp_frontend_analyse(nnsp_frontend *frontend, const int16_t *in);

/* Whether none of the last window_size samples is more than a step away from 0. */
int nnsp_frontend_silent(const nnsp_frontend *frontend);

/* Normalised log2 energies of the present frame, or their cepstrum, Q12, in features[table->features]. */
void nnsp_frontend_features(const nnsp_frontend *frontend, int16_t *features);

/*
 * Multiply the present spectrum by the gain of mask (Q15, [fft_size / 2 + 1], values 0..32767), which is mask_floor at 0, and by 0 the
 * first cut_bins, and give one hop of samples, window_size - hop samples after they came in. The spectrum is used up.
 */
void nnsp_frontend_synthesise(nnsp_frontend *frontend, const int16_t *mask, int16_t *out);

/* The same for a mask of zeros and no cut_bins, up to rounding, without a transform. */
void nnsp_frontend_turn_down(nnsp_frontend *frontend, int16_t *out);

#endif
