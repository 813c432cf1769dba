/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which kernels are built. The compiler's own macros decide, so that a build may compile every file
 * below src: a file for another processor compiles to nothing, and so does a portable file whose
 * functions the processor has of its own. Assembly includes this, too.
 */
#ifndef NNSP_SELECT_H
#define NNSP_SELECT_H

#include "nnsp_layout.h"

#if defined(NNSP_ROW_PAIRS)
#define NNSP_ARMV7EM /* DSP extension: Cortex-M4, M7, M33 */
#elif defined(__ARM_FEATURE_MVE) && defined(__GNUC__) && !defined(NNSP_PORTABLE)
#define NNSP_MVE /* Helium: Cortex-M55, M85 */
#endif

/* NNSP_OWN_<FILE>: the processor's own functions replace those of portable/<file>.c. */
#if defined(NNSP_ARMV7EM)
#define NNSP_OWN_ACTIVATION
#define NNSP_OWN_BAND_MASK
#define NNSP_OWN_FEATURES
#define NNSP_OWN_FFT
#define NNSP_OWN_LSTM_UPDATE
#define NNSP_OWN_MATVEC
#define NNSP_OWN_OVERLAP_ADD
#define NNSP_OWN_RFFT
#elif defined(NNSP_MVE)
#define NNSP_OWN_ACTIVATION
#define NNSP_OWN_BAND_MASK
#define NNSP_OWN_FEATURES
#define NNSP_OWN_FFT
#define NNSP_OWN_LSTM_UPDATE
#define NNSP_OWN_MATVEC
#define NNSP_OWN_OVERLAP_ADD
#define NNSP_OWN_RELU6
#define NNSP_OWN_SPECTRUM
#endif

#if defined(__ASSEMBLER__) && defined(__linux__)
/* Without this the linker makes the stack executable. */
/* clang-format off */
    .section .note.GNU-stack, "", %progbits
/* clang-format on */
#endif

#endif
