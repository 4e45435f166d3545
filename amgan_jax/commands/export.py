"""Exports a trained system for use elsewhere.

python -m amgan_jax.export --workdir=DIR --format=bundle --output=FOLDER --dtype=bfloat16 --licence="CC0 1.0"
python -m amgan_jax.export --workdir=DIR --format=onnx --output=FOLDER --images='photos/*.jpg'
"""

from collections.abc import Sequence

from absl import flags

from amgan_jax import cli
from amgan_jax.commands import systems
from amgan_jax.files import local_path


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    systems.define_flags()
    flags.DEFINE_enum("format", None, ["bundle", "onnx", "savedmodel", "stablehlo"], "What to write.")
    flags.DEFINE_string("output", None, "The folder to write, new or empty.")
    flags.DEFINE_enum("dtype", "float32", ["float32", "bfloat16"], "What a bundle's weights are stored as.")
    flags.DEFINE_bool("evaluator", True, "Keep the evaluator in a bundle: it helps to read photos, and judges edits.")
    flags.DEFINE_string("images", None, "Photos to verify the export on, beside noise and rendered garments.")
    flags.DEFINE_string("licence", None, "Of the weights, for the model card. Default: what a bundle says, or unknown.")
    flags.DEFINE_string("about_data", None, "What it was trained on, under which licence, for the model card.")
    flags.mark_flags_as_required(["format", "output"])


def main(argv: Sequence[str]) -> None:
    del argv
    given = flags.FLAGS
    directory, output = systems.folder(given), local_path(given.output)
    # Not at import: JAX takes seconds, which --help and bad flags need not wait for.
    from amgan_jax.bundles import bundle, provenance
    from amgan_jax.editing import editor, photos
    from amgan_jax.exporting import formats

    bundle.check_new(output)
    files = photos.find(given.images) if given.images else []
    system, history = editor.load(directory), {"licence": "unknown"} | provenance.of(directory)
    history |= {name: given[name].value for name in ("licence", "about_data") if given[name].value}
    if given.format == "bundle":
        bundle.write(output, system, history, given.dtype, given.evaluator)
    else:
        for name, difference in formats.write(output, given.format, system, history, files).items():
            print(f"{name}: differs from the live networks by {difference:.1e} at the most")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{directory} -> {output}: {size / 1e6:.1f} MB")


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)
