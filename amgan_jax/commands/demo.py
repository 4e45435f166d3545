"""Serves a page on this machine on which photos are edited in a browser.

python -m amgan_jax.demo --workdir=DIR
python -m amgan_jax.demo --workdir=DIR --port=8080
"""

from collections.abc import Sequence
from concurrent import futures
import errno
import importlib.util
import socket

from absl import flags

from amgan_jax import cli
from amgan_jax.commands import systems
from amgan_jax.errors import UserError

_HOST = "127.0.0.1"  # photos are nobody else's business


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    systems.define_flags()
    flags.DEFINE_integer("port", 7860, "Where the page is: http://127.0.0.1:PORT.", 1, 65535)


def main(argv: Sequence[str]) -> None:
    del argv
    folder = systems.folder(flags.FLAGS)
    _check_port(flags.FLAGS.port)
    if importlib.util.find_spec("gradio") is None:
        raise UserError("the page needs Gradio, which is not installed: pip install -e '.[demo]' for its extra")
    with futures.ThreadPoolExecutor(1) as pool:  # Gradio is imported while the networks are read and compiled
        loading = pool.submit(_load, folder)
        from amgan_jax.page import app

        editor = loading.result()
    app.serve(editor, _HOST, flags.FLAGS.port)


def _load(folder):
    """The editor, ready to edit at once."""
    # Not at import: JAX takes seconds, which --help and bad flags need not wait for.
    from amgan_jax.commands import compiled
    from amgan_jax.editing import photo_editor
    from amgan_jax.page import edits

    compiled.keep()
    editor = photo_editor.load(folder)
    edits.warm_up(editor)
    return editor


def _check_port(port):
    """Raises UserError where the port is not free; said before the networks are loaded."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
            raise UserError(f"--port={port} {why}: name another, such as --port={port % 65535 + 1}") from error


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)
