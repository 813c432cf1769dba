"""The one exception that a user's mistake raises."""


class UserError(Exception):
    """One sentence for the user: what is wrong, where, what was expected, what to do."""
