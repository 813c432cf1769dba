# SPDX-License-Identifier: BSD-3-Clause
"""Trained networks at work: loaded, converted to integers, run over recordings."""

ENGINES = ("float", "integer", "c")
"""What computes: Keras, the NumPy integers, or the C library."""
