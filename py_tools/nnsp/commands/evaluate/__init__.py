# SPDX-License-Identifier: BSD-3-Clause
"""Score networks, a file a task."""
