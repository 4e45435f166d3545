"""The one exception that means "the input is wrong", at the bottom of everything."""

from collections.abc import Iterable


class UserError(Exception):
    """Bad input, told in one line: what was wrong, where, and what would be right.

    Commands print the message without a stack trace and end with status 2.
    """


def check_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Raises UserError where a name is none of those known, as in `unknown size 'x': 32, 64`."""
    if name not in (known := tuple(known)):
        raise UserError(f"unknown {kind} {name!r}: {', '.join(known)}")
