# SPDX-License-Identifier: BSD-3-Clause
"""The trainer: tasks ask, folders keep, losses and steps compute."""
