# SPDX-License-Identifier: BSD-3-Clause
"""Streaming speech networks, from text to integers on a microcontroller."""
