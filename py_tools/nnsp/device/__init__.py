# SPDX-License-Identifier: BSD-3-Clause
"""Boards, emulated and real, and the link to them."""
