"""How every command starts: absl flags in, one line and exit status 2 for bad input."""

from collections.abc import Callable, Sequence
import errno
import io
import logging
import os
import sys
import textwrap
from typing import Any, cast

from absl import app, flags
from absl import logging as absl_logging

from amgan_jax.errors import UserError

_EXTRAS = ("cuda", "tpu")  # of setup.py, for accelerators
_HELP = {"--help", "-h", "-help", "-?", "--helpfull", "--helpshort"}
_UNREADABLE = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)  # paths that are the user's to mend


def run(main: Callable[[Sequence[str]], None], takes_arguments: bool = False) -> None:
    """Parses the flags and calls main(argv); bad flags, UserError and unwanted arguments end with status 2.

    --help prints the docstring of main's module, which has examples, then its flags, and ends with status 0.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # TensorFlow only feeds; this keeps it quiet
    if _HELP & set(sys.argv[1:]):
        print(_help(main.__module__))
        sys.exit(0)
    app.run(lambda argv: _call(main, argv, takes_arguments), flags_parser=_parse_flags)


def _help(module):
    """A command's docstring, which has its examples, then its flags with their defaults."""
    own = flags.FLAGS.get_key_flags_for_module(sys.argv[0] if module == "__main__" else module)
    lines = [(sys.modules[module].__doc__ or "").strip(), "", "Flags:"]
    for flag in own:
        default = "" if flag.default in (None, "", []) else f" Default: {str(flag.default_as_str).strip(chr(39))}."
        choices = getattr(flag.parser, "enum_values", None)
        values = f" One of {', '.join(choices)}." if choices else ""
        text = textwrap.fill(f"{flag.help}{values}{default}", 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
        lines += [f"  --{'[no]' if flag.boolean else ''}{flag.name}", text]
    return "\n".join(lines)


def _parse_flags(argv):
    try:
        return flags.FLAGS(argv)
    except Exception as error:  # config files raise whatever they raise
        lines = [line for line in str(error).splitlines() if line.strip()]
        _exit(_unknown_config_key(argv) or f"{' '.join(lines[:1] + lines[1:][-1:])} (--help shows all flags)")


def _unknown_config_key(argv):
    """What to say of the first --config.KEY that the config does not have; None where it has all."""
    filename = next((a.partition("=")[2] for a in argv if a.startswith("--config=")), None)
    if "config" not in flags.FLAGS or filename is None:
        return None
    try:
        config = cast(Any, flags.FLAGS["config"].parser.parse(filename))
        config.keys()
    except Exception:  # the file cannot be loaded, which is another error
        return None
    for argument in argv[1:]:
        if not argument.startswith("--config."):
            continue
        node, path = config, argument.removeprefix("--config.").partition("=")[0].split(".")
        for depth, name in enumerate(path):
            if not hasattr(node, "keys") or name not in node:
                where = ".".join(path[:depth]) or "the config"
                valid = f"it has {', '.join(node.keys())}" if hasattr(node, "keys") else "it is a value"
                return f"unknown config key {'.'.join(path)}: {where} has no {name!r}; {valid}"
            node = node[name]
    return None


def _call(main, argv, takes_arguments):
    _start_logging()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # file names need not be UTF-8
    if len(argv) > 1 and not takes_arguments:
        _exit(f"unexpected argument {argv[1]!r}: flags start with -- (--help shows them)")
    try:
        main(argv)
    except UserError as error:
        _exit(str(error))
    except (AssertionError, RuntimeError):  # what JAX raises where there is no such device
        missing = _missing_platform()
        if not missing:
            raise
        _exit(missing)
    except OSError as error:
        if error.errno not in _UNREADABLE or error.filename is None:  # the latter: a socket's, say
            raise
        _exit(f"cannot read {error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def _missing_platform():
    """What to say where JAX_PLATFORMS names an accelerator that there is not; None where it does not."""
    wanted = os.environ.get("JAX_PLATFORMS")
    if not wanted or "jax" not in sys.modules:
        return None
    try:
        sys.modules["jax"].devices()
    except (AssertionError, RuntimeError):
        extra = next((f", with pip install -e '.[{name}]' for its extra" for name in _EXTRAS if name in wanted), "")
        return f"JAX_PLATFORMS={wanted}: JAX finds no such device here; leave it unset, or install what it needs{extra}"
    return None


def _start_logging():
    """This package's lines from INFO on; the libraries' from WARNING on."""
    absl_logging.set_verbosity(absl_logging.WARNING)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("amgan_jax")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def end_now(message: str) -> None:
    """Ends the process as bad input does, from any thread."""
    _print_error(message)
    os._exit(2)


def _exit(message):
    _print_error(message)
    sys.exit(2)


def _print_error(message):
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)
