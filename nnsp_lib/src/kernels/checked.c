/* SPDX-License-Identifier: BSD-3-Clause */
#include "arithmetic.h"

#ifdef NNSP_CHECKED
nnsp_checked_counts nnsp_checked;
#endif
