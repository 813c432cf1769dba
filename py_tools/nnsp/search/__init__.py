# SPDX-License-Identifier: BSD-3-Clause
"""Searches over networks and settings."""
