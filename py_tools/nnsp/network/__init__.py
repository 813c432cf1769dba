# SPDX-License-Identifier: BSD-3-Clause
"""Networks: their text, their Keras model, what they take in C."""
