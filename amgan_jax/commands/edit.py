"""Edits photos that have no label.

python -m amgan_jax.edit --workdir=DIR --images=photo.jpg --set=color=red,sleeve_length=long --output=edited.png
python -m amgan_jax.edit --workdir=DIR --images=photo.jpg --text="red, with long sleeves" --output=edited.png
python -m amgan_jax.edit --workdir=DIR --images=photo.jpg --set=color=red --region=40,60,200,300 --strength=0.7 \\
    --output=edited.png
python -m amgan_jax.edit --workdir=DIR --images=photo.jpg --grid=color --output=colors.png
python -m amgan_jax.edit --workdir=DIR --images='photos/**/*.jpg' --set=color=black --output=FOLDER --format=jpg \\
    --skip_bad --contact_sheet=sheet.png

A folder of edits has a line a photo in edits.jsonl. A command that was stopped goes on where it was.
"""

from collections.abc import Sequence

from absl import flags

from amgan_jax import cli
from amgan_jax.commands import systems
from amgan_jax.errors import UserError

_FORMATS = ("png", "jpg", "webp")


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    systems.define_flags()
    flags.DEFINE_string("images", None, "Photos: a path or a quoted pattern; ** stands for any folders.")
    flags.DEFINE_string("set", None, "The values that the photos should have: attribute=value,attribute=value.")
    flags.DEFINE_string("text", None, "The same in words: a navy jumper, no buttons. What --set says holds.")
    flags.DEFINE_list("words", [], "JSON files that extend this project's table: what words and styles mean in --text.")
    flags.DEFINE_bool("explain", False, "Only say what --text asks for; no photo is needed.")
    flags.DEFINE_string("grid", None, "An attribute: draw the photo with each of its values, as one picture.")
    flags.DEFINE_string("source", "", "Values that the photos have, where they would be misread: color=black.")
    flags.DEFINE_string("output", None, "Picture to write; a folder where there are several photos.")
    flags.DEFINE_enum("format", None, _FORMATS, "Of the pictures in a folder. Default: png.")
    flags.DEFINE_string(
        "region",
        None,
        "Keep the change to where this attribute is seen; or to the rectangle x0,y0,x1,y1 in pixels of the photo, from"
        " the top left; or to the white of a mask picture, scaled to the photo.",
    )
    flags.DEFINE_float("strength", 1.0, "How far pixels go from the photo (0) to the edit (1).")
    flags.DEFINE_string("masks", None, "Folder for overlays on the photos that show where was painted.")
    flags.DEFINE_string("contact_sheet", None, "Picture of up to 48 photos before and after; for a folder of edits.")
    flags.DEFINE_bool("skip_bad", False, "Leave out photos that cannot be read or written, and list them at the end.")
    flags.DEFINE_bool("overwrite", False, "Edit all photos anew, also those that edits.jsonl says are done.")


def main(argv: Sequence[str]) -> None:
    del argv
    check_flags(flags.FLAGS)
    folder = systems.folder(flags.FLAGS)
    from amgan_jax.commands import edit_photos  # JAX takes seconds, which --help and bad flags need not wait for

    edit_photos.run(flags.FLAGS, folder)


def check_flags(given: flags.FlagValues) -> None:
    """Raises UserError where a flag is missing that the others ask for, or two do not go together."""
    if given.explain and given.text is None:
        raise UserError("--explain says what --text asks for: give --text")
    if given.text is None and given.set is None and given.grid is None:
        raise UserError("give --set, --text or --grid: the values that the photos should have")
    missing = [name for name in ("images", "output") if given[name].value is None and not given.explain]
    if missing:
        raise UserError(f"flag --{missing[0]} must have a value")
    if not 0.0 <= given.strength <= 1.0:
        raise UserError(f"--strength={given.strength}: 0 (the photo as it is) to 1 (the whole edit)")
    if given.grid is not None and (given.masks or given.contact_sheet):
        raise UserError("--grid draws pictures of its own: leave --masks and --contact_sheet out")


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)
