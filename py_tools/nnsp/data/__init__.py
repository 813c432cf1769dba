# SPDX-License-Identifier: BSD-3-Clause
"""Speech and noise: lists, downloads, the built-in generator, mixtures."""
