/* SPDX-License-Identifier: BSD-3-Clause */
/* Fixed-point analysis, features and synthesis around a network. */
#ifndef NNSP_FRONTEND_H
#define NNSP_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#include "nnsp_status.h"
#include "nnsp_table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* bins: fft_size / 2 + 1 */
typedef struct nnsp_frontend {
    const nnsp_frontend_table *table;
    int32_t *spectrum; /* [bins][2] real, imaginary of the present frame */
    int16_t *history;  /* [window_size] the last samples, oldest first */
    int32_t *overlap;  /* Q(output_shift) [window_size] synthesis sum; NULL with analysis alone */
} nnsp_frontend;

/*
 * Return the bytes of state, a multiple of 8: of all of it, or of analysis and features alone. The
 * table must be a generated one, or have passed nnsp_frontend_init.
 */
size_t nnsp_frontend_state_bytes(const nnsp_frontend_table *table);
size_t nnsp_frontend_analysis_bytes(const nnsp_frontend_table *table);

/*
 * Check every size and the checksum, and start from silence.
 *
 * state: 8-byte aligned, at least nnsp_frontend_state_bytes().
 *
 * Returns NNSP_OK; NNSP_ERR_ARGUMENT for a null pointer or a state that is not aligned;
 * NNSP_ERR_TABLE where a size is out of range; NNSP_ERR_CHECKSUM; NNSP_ERR_STATE where bytes are
 * too few.
 */
nnsp_status nnsp_frontend_init(nnsp_frontend *frontend, const nnsp_frontend_table *table,
                               void *state, size_t bytes);

/*
 * Do the same for analysis and features alone: nnsp_frontend_synthesise and _turn_down must not be
 * called. state: at least nnsp_frontend_analysis_bytes(). Returns the same.
 */
nnsp_status nnsp_frontend_init_analysis(nnsp_frontend *frontend, const nnsp_frontend_table *table,
                                        void *state, size_t bytes);

/*
 * Check a table and take features from the spectrum of another front end; only
 * nnsp_frontend_features may be called.
 *
 * source: must live as long.
 *
 * Returns NNSP_OK; NNSP_ERR_ARGUMENT for a null pointer; NNSP_ERR_TABLE; NNSP_ERR_CHECKSUM;
 * NNSP_ERR_SHAPE where rate, window, hop or transform differ from the source's.
 */
nnsp_status nnsp_frontend_init_shared(nnsp_frontend *frontend, const nnsp_frontend_table *table,
                                      const nnsp_frontend *source);

/* Start from silence again. */
void nnsp_frontend_reset(nnsp_frontend *frontend);

/* Take one hop of samples, in [hop], and compute the spectrum of the last window_size samples. */
void nnsp_frontend_analyse(nnsp_frontend *frontend, const int16_t *in);

/* Return 1 where each of the last window_size samples is -1, 0 or 1, otherwise 0. */
int nnsp_frontend_silent(const nnsp_frontend *frontend);

/*
 * Compute the features of the present spectrum: normalised log2 energies or their cepstrum, Q12
 * [features].
 */
void nnsp_frontend_features(const nnsp_frontend *frontend, int16_t *features);

/*
 * Apply a mask to the present spectrum and write one hop of samples, which came in window_size -
 * hop samples ago. The spectrum is used up.
 *
 * mask: Q15 [bins], 0..32767. The gain of a bin grows from mask_floor at 0 to 1; that of the lowest
 * cut_bins is 0. out: int16 [hop].
 */
void nnsp_frontend_synthesise(nnsp_frontend *frontend, const int16_t *mask, int16_t *out);

/*
 * Write one hop of samples, out [hop], as nnsp_frontend_synthesise does for a mask of zeros, up to
 * rounding, without cut_bins and without a transform. The spectrum is used up.
 */
void nnsp_frontend_turn_down(nnsp_frontend *frontend, int16_t *out);

#ifdef __cplusplus
}
#endif

#endif
