# SPDX-License-Identifier: BSD-3-Clause
"""Sound files, the front end, scores and pictures."""

FEAT_TYPES = ("mel", "pspec", "mfcc")
"""Features that boards compute."""
