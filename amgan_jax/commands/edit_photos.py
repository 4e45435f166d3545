"""What `commands.edit` does: which photos go where, which are done already, and what is said of them."""

import hashlib
import io
import logging
import pathlib

from absl import flags
import numpy as np
from PIL import Image

from amgan_jax import workdir as workdir_lib
from amgan_jax.commands import batches, compiled, edit_stages
from amgan_jax.commands.edit_stages import Job, Request
from amgan_jax.commands.journal import Journal
from amgan_jax.editing import editor, photos, pictures, where, words
from amgan_jax.errors import UserError
from amgan_jax.files import local_path, write_atomically
from amgan_jax.schema import Schema

JOURNAL = "edits.jsonl"
_FORMAT = "png"  # of the pictures in a folder, unless told
_ON_SHEET = 48  # pairs, evenly picked
_log = logging.getLogger(__name__)


def run(given: flags.FlagValues, folder: pathlib.Path) -> None:
    """Edits photos as the flags of `commands.edit` say, with the system in a folder.

    Raises:
      UserError: bad input.
    """
    if given.explain:
        _wanted(given, workdir_lib.load(folder)[1])
        return
    output = local_path(given.output)
    root, paths = photos.root_of(given.images), _without_outputs(given.images, output)
    to_folder = is_folder(paths, output)
    _check_output(given, paths, output, to_folder)
    compiled.keep()
    system = editor.load(folder)
    request = _request(given, system.schema)
    grid = None if given.grid is None else system.schema.index(given.grid)
    jobs = plan(paths, root, output, given.format or _FORMAT, local_path(given.masks) if given.masks else None)
    journal = _journal(given, folder, request, system.schema, output) if to_folder else None
    failures = batches.Failures(given.skip_bad)
    left = [job for job in jobs if journal is None or _name(job, root) not in journal.done]
    with batches.progress(len(jobs), len(jobs) - len(left)) as bar:
        for job, record, said in batches.counted(_done(system, grid, left, request, failures), bar):
            if journal:
                files = {"photo": _name(job, root), "output": str(job.output.relative_to(output))}
                journal.append(files | record)
            batches.say(f"{job.path} -> {job.output}{said}")
    if given.contact_sheet and journal and journal.done:
        _write_sheet(local_path(given.contact_sheet), journal, root, output)
    failures.report(len(jobs))


def _done(system, grid, jobs, request, failures):
    """(job, its record, what is said of it) of each that is done."""
    schema = system.schema
    if grid is not None:
        for job in edit_stages.draw_grids(system, grid, jobs, request, failures):
            yield job, {}, ""
        return
    for result in edit_stages.edit(system, jobs, request, failures):
        record = edit_stages.to_record(schema, result, request.wanted)
        yield result.job, record, f": {edit_stages.describe(schema, result)}"


def _request(given, schema):
    region = None if given.region is None else where.parse(given.region, schema)
    known = schema.parse_edit(given.source) if given.source else {}
    return Request(_wanted(given, schema), known, region, given.strength)


def _wanted(given, schema: Schema):
    """{attribute index: value index} of --text and --set, of which --set holds; says what it understood of a text."""
    wanted = schema.parse_edit(given.set) if given.set is not None else {}
    if given.text is None:
        return wanted
    parsed = words.parse(given.text, schema, words.read_table(map(local_path, given.words)))
    print(f"understood: {parsed.describe(schema)}", flush=True)
    return parsed.values | wanted


def _journal(given, folder, request, schema, output):
    """edits.jsonl of a folder; a photo is done where its line and its picture are there."""
    region = given.region
    if isinstance(request.region, np.ndarray):  # whose file may change
        region = f"mask {hashlib.sha256(request.region.tobytes()).hexdigest()[:16]}"
    asked = {
        "workdir": str(folder.resolve()),
        "set": schema.name_edit(request.wanted),
        "known": schema.name_edit(request.known),
        "grid": given.grid,
        "region": region,
        "strength": request.strength,
        "format": given.format or _FORMAT,
        "masks": given.masks,
    }
    path = output / JOURNAL
    return Journal(path, asked, given.overwrite, lambda record: (output / record["output"]).is_file())


def _name(job, root):
    """Of a photo, in edits.jsonl."""
    return str(job.path.relative_to(root))


def _without_outputs(pattern, output):
    """The photos of a pattern, without those of a folder of edits that lies among them."""
    paths, folder = photos.find(pattern), output.resolve()
    if photos.root_of(pattern).resolve() in folder.parents:
        paths = [path for path in paths if folder not in path.resolve().parents] or paths
    return paths


def is_folder(paths: list[pathlib.Path], output: pathlib.Path) -> bool:
    """Whether edits go into a folder; else there is one photo, and the output is a picture."""
    return len(paths) > 1 or not output.suffix or output.is_dir()


def _check_output(given, paths, output, to_folder):
    """Raises UserError where flags do not fit the output."""
    if output.is_file() and to_folder:
        raise UserError(f"--output={output} is a file, and --images matches {len(paths)} photos: name a folder")
    if not to_folder:
        photos.format_of(output)
        if given.format or given.contact_sheet or given.overwrite:
            raise UserError("--format, --contact_sheet and --overwrite are for a folder of edits: name one as --output")
    if given.contact_sheet:
        sheet = local_path(given.contact_sheet)
        photos.format_of(sheet)
        if sheet.resolve() in {path.resolve() for path in paths}:
            raise UserError(f"--contact_sheet={sheet} is one of the photos and would be overwritten: name another file")
    if given.masks and local_path(given.masks).resolve() == output.resolve():
        raise UserError(f"--masks={given.masks} is --output: name another folder")


def plan(
    paths: list[pathlib.Path], root: pathlib.Path, output: pathlib.Path, suffix: str, masks: pathlib.Path | None
) -> list[Job]:
    """Where each photo's edit goes: into a tree like that of the photos below `root`.

    Raises:
      UserError: two photos would go to one file, or a photo or a file beside the photos would be overwritten.
    """
    to_folder = is_folder(paths, output)
    relative = [path.relative_to(root).with_suffix(f".{suffix}") for path in paths]
    outputs = [output / name for name in relative] if to_folder else [output]
    if len(set(outputs)) < len(paths):
        raise UserError(f"two of the photos have the same name and would be written to one file in {output}")
    overlays = [None if masks is None else masks / name for name in relative]
    written = [*outputs, *(path for path in overlays if path)]
    originals, folders = {path.resolve() for path in paths}, {path.parent.resolve() for path in paths}
    for path in written:
        if path.resolve() in originals:
            raise UserError(f"{path} is one of the photos and would be overwritten: name another folder or file")
        if to_folder and path.exists() and path.parent.resolve() in folders:
            raise UserError(f"{path}, which is beside the photos, would be overwritten: name another folder")
    return list(map(Job, paths, outputs, overlays))


def _write_sheet(path, journal, root, output):
    """Draws some of all photos that are done, whichever run did them."""
    records = list(journal)
    picked = np.unique(np.linspace(0, len(records) - 1, min(_ON_SHEET, len(records))).round().astype(int))
    pairs = (
        (Image.fromarray(photos.read(root / r["photo"]).pixels), Image.open(output / r["output"]), r["photo"])
        for r in (records[i] for i in picked)
    )
    data = io.BytesIO()
    pictures.contact_sheet(pairs).save(data, photos.format_of(path))
    write_atomically(path, data.getvalue())
    _log.info("%s: %d of %d photos", path, len(picked), len(records))
