# SPDX-License-Identifier: BSD-3-Clause
"""Train a network, a file a task."""
