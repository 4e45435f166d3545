"""What the commands that use a trained system share: the flags that say where it is."""

import pathlib

from absl import flags

from amgan_jax.bundles import ready
from amgan_jax.errors import UserError
from amgan_jax.files import local_path


def define_flags() -> None:
    """--workdir and --weights, among the flags of the command that calls this."""
    flags.disclaim_key_flags()  # so that --help of the command has them
    flags.DEFINE_string("workdir", None, "A trained workdir, or a bundle.")
    flags.DEFINE_string(
        "weights", None, f"In the place of --workdir, weights that come with the package: {ready.names()}."
    )


def folder(given: flags.FlagValues) -> pathlib.Path:
    """The folder of the system that the flags name.

    Raises:
      UserError: they name none or two, or ready weights that there are not.
    """
    if (given.workdir is None) == (given.weights is None):
        several = "" if given.weights is None else ", not both"
        raise UserError(f"give --workdir, a trained workdir or a bundle, or --weights ({ready.names()}){several}")
    return ready.folder_of(given.weights) if given.workdir is None else local_path(given.workdir)
