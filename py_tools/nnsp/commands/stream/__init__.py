# SPDX-License-Identifier: BSD-3-Clause
"""Stream through a board."""
