# SPDX-License-Identifier: BSD-3-Clause
"""Make the lists that training reads."""
