# SPDX-License-Identifier: BSD-3-Clause
"""Integers: the rounding rules, the quantiser, the reference network and front end, the C tables."""
