"""How every command starts: absl flags in, one line and exit status 2 for bad input."""

from collections.abc import Callable, Sequence
import logging
import os
import sys

from absl import app, flags
from absl import logging as absl_logging

from amgan_jax.errors import UserError


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Parses the flags and calls main(argv); bad flags and UserError end with status 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    app.run(lambda argv: _call(main, argv), flags_parser=_parse_flags)


def _parse_flags(argv):
    try:
        return flags.FLAGS(argv)
    except Exception as error:  # config files raise whatever they raise
        _exit(f"{error} (--help shows all flags)")


def _call(main, argv):
    _start_logging()
    if len(argv) > 1:
        _exit(f"unexpected argument {argv[1]!r}: flags start with -- (--help shows them)")
    try:
        main(argv)
    except UserError as error:
        _exit(str(error))


def _start_logging():
    """This package's lines from INFO on; the libraries' from WARNING on."""
    absl_logging.set_verbosity(absl_logging.WARNING)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("amgan_jax")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _exit(message):
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)
