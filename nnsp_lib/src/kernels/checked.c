#include "arithmetic.h"

#ifdef NNSP_CHECKED
nnsp_checked_counts nnsp_checked;
#else
typedef int nnsp_translation_unit_is_not_empty;
#endif
