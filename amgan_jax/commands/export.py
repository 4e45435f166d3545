"""Exports a trained system for use elsewhere.

python -m amgan_jax.export --workdir=DIR --format=bundle --output=FOLDER [--dtype=bfloat16] [--licence="CC0 1.0"]
"""

from collections.abc import Sequence

from absl import flags

from amgan_jax import cli
from amgan_jax.files import local_path


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    flags.DEFINE_string("workdir", None, "A trained workdir, or a bundle.")
    flags.DEFINE_enum("format", None, ["bundle"], "What to write.")
    flags.DEFINE_string("output", None, "The folder to write, new or empty.")
    flags.DEFINE_enum("dtype", "float32", ["float32", "bfloat16"], "What a bundle's weights are stored as.")
    flags.DEFINE_bool("evaluator", True, "Keep the evaluator in a bundle: it helps to read photos, and judges edits.")
    flags.DEFINE_string("licence", "unknown", "Of the weights, for the model card.")
    flags.mark_flags_as_required(["workdir", "format", "output"])


def main(argv: Sequence[str]) -> None:
    del argv
    # Not at import: JAX takes seconds, which --help and bad flags need not wait for.
    from amgan_jax.editing import editor
    from amgan_jax.exporting import bundle, provenance

    directory, output = local_path(flags.FLAGS.workdir), local_path(flags.FLAGS.output)
    bundle.check_new(output)
    system, history = editor.load(directory), provenance.of(directory)
    bundle.write(output, system, history, flags.FLAGS.dtype, flags.FLAGS.licence, flags.FLAGS.evaluator)
    size = sum(path.stat().st_size for path in output.iterdir())
    print(f"{directory} -> {output}: {size / 1e6:.1f} MB")


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)
