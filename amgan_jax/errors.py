"""The one exception that means "the input is wrong", at the bottom of everything."""


class UserError(Exception):
    """Bad input, told in one line: what was wrong, where, and what would be right.

    Commands print the message without a stack trace and end with status 2.
    """
