"""Edits photos that have no label.

python -m amgan_jax.edit --workdir=DIR --images=photo.jpg --set=color=red,sleeve_length=long --output=edited.png
python -m amgan_jax.edit --workdir=DIR --images=photo.jpg --text="red, with long sleeves" --output=edited.png
"""

from collections.abc import Sequence
import logging

from absl import flags

from amgan_jax import cli
from amgan_jax import workdir as workdir_lib
from amgan_jax.editing import photos, words
from amgan_jax.errors import UserError
from amgan_jax.files import local_path

_log = logging.getLogger("amgan_jax.edit")


def define_flags() -> None:
    """Not at import: another program may import this module and have flags of its own."""
    flags.DEFINE_string("workdir", None, "A trained workdir.")
    flags.DEFINE_string("images", None, "Photos: a path or a quoted pattern.")
    flags.DEFINE_string("set", None, "The values that the photos should have: attribute=value,attribute=value.")
    flags.DEFINE_string("text", None, "The same in words: a navy jumper, no buttons. What --set says holds.")
    flags.DEFINE_list("words", [], "JSON files that extend this project's table: what words and styles mean in --text.")
    flags.DEFINE_bool("explain", False, "Only say what --text asks for; no photo is needed.")
    flags.DEFINE_string("source", "", "Values that the photos have, where they would be misread: color=black.")
    flags.DEFINE_string("output", None, "Picture to write; a folder where there are several photos.")
    flags.DEFINE_string("region", None, "Keep the change to where this attribute is seen.")
    flags.DEFINE_bool("skip_bad", False, "Name photos that cannot be read or written, and go on.")
    flags.mark_flags_as_required(["workdir"])


def main(argv: Sequence[str]) -> None:
    del argv
    _check_flags(flags.FLAGS)
    if flags.FLAGS.explain:
        _wanted(workdir_lib.load(local_path(flags.FLAGS.workdir))[1])
        return
    # Not at import: JAX takes seconds, which --help and bad flags need not wait for.
    from amgan_jax.commands import batches
    from amgan_jax.editing import editor

    paths = photos.find(flags.FLAGS.images)
    system = editor.load(local_path(flags.FLAGS.workdir))
    wanted = _wanted(system.schema)
    known = system.schema.parse_edit(flags.FLAGS.source) if flags.FLAGS.source else {}
    region = system.schema.index(flags.FLAGS.region) if flags.FLAGS.region else None
    outputs = _output_paths(paths, local_path(flags.FLAGS.output))
    any_written = False
    for loaded, image in batches.read_batches(paths, system, flags.FLAGS.skip_bad):
        source, confidence = system.classify(image)
        source, confidence = _with_values(source, known), _with_values(confidence, dict.fromkeys(known, 1.0))
        target = _with_values(source, wanted)
        edited, _ = system.edit(image, source, target, region)
        for i, (path, photo, seen) in enumerate(loaded):
            try:
                photos.write(outputs[path], photos.apply_change(photo, seen, edited[i]))
            except UserError as error:
                if not flags.FLAGS.skip_bad:
                    raise
                _log.warning("skipped: %s", error)
                continue
            any_written = True
            print(f"{path} -> {outputs[path]}: {_describe(system.schema, source[i], confidence[i], target[i])}")
    if not any_written:
        raise UserError(f"none of the edits of {len(paths)} photos can be written")


def _check_flags(given):
    """Raises UserError where a flag is missing that the others ask for."""
    if given.explain and given.text is None:
        raise UserError("--explain says what --text asks for: give --text")
    if given.text is None and given.set is None:
        raise UserError("give --set or --text: the values that the photos should have")
    missing = [name for name in ("images", "output") if given[name].value is None and not given.explain]
    if missing:
        raise UserError(f"flag --{missing[0]} must have a value")


def _wanted(schema):
    """{attribute index: value index} of --text and --set, of which --set holds; says what it understood of a text."""
    wanted = schema.parse_edit(flags.FLAGS.set) if flags.FLAGS.set is not None else {}
    if flags.FLAGS.text is None:
        return wanted
    parsed = words.parse(flags.FLAGS.text, schema, words.read_table(map(local_path, flags.FLAGS.words)))
    print(f"understood: {parsed.describe(schema)}", flush=True)
    return parsed.values | wanted


def _with_values(table_BxA, values):
    """A copy of a table with some columns set: {attribute index: value}."""
    changed = table_BxA.copy()
    for attribute, value in values.items():
        changed[:, attribute] = value
    return changed


def _output_paths(paths, output):
    """Where each photo's edit goes.

    Raises:
      UserError: the output's suffix names no picture format, two photos would go to one file, or a photo
        or a file beside the photos would be overwritten.
    """
    if output.is_file() and len(paths) > 1:
        raise UserError(f"--output={output} is a file, and --images matches {len(paths)} photos: name a folder")
    if len(paths) == 1 and output.suffix and not output.is_dir():
        photos.format_of(output)
        outputs = {paths[0]: output}
    else:
        outputs = {path: output / f"{path.stem}.png" for path in paths}
        folders = {path.parent.resolve() for path in paths}
        for path in outputs.values():
            if path.exists() and path.parent.resolve() in folders:
                raise UserError(f"{path}, which is beside the photos, would be overwritten: name another --output")
    if len(set(outputs.values())) < len(paths):
        raise UserError(f"two of the photos have the same name and would be written to one file in {output}")
    originals = {path.resolve() for path in paths}
    for path in outputs.values():
        if path.resolve() in originals:
            raise UserError(f"{path} is one of the photos and would be overwritten: name another --output")
    return outputs


def _describe(schema, source, confidence, target):
    before, after = schema.decode(source.tolist()), schema.decode(target.tolist())
    seen = ", ".join(f"{name} {before[name]} ({confidence[a]:.2f})" for a, name in enumerate(schema.names))
    changes = [f"{name} {before[name]} -> {after[name]}" for name in schema.names if before[name] != after[name]]
    return f"seen: {seen}; changed: {', '.join(changes) or 'nothing, it has these values already'}"


def run() -> None:
    """Runs the command on the process's own flags."""
    define_flags()
    cli.run(main)
