# SPDX-License-Identifier: BSD-3-Clause
"""The one exception that a user's mistake raises."""


class UserError(Exception):
    """One sentence for the user: what is wrong, where, what was expected, what to do.

    A setting is written between backticks, alone or with a value, as in "`timesteps=7` must be a multiple of 2":
    a command shows it as its flag.
    """
