"""What `commands.classify` does."""

from collections.abc import Iterator
import csv
import functools
import io
import pathlib

from amgan_jax.commands import batches, compiled
from amgan_jax.commands.journal import Journal
from amgan_jax.editing import editor, photos
from amgan_jax.files import local_path, write_atomically


def run(folder: pathlib.Path, images: str, output: str | None, skip_bad: bool, overwrite: bool) -> None:
    """Reads photos into a table, or prints it; the arguments are the system's folder and the command's flags.

    Raises:
      UserError: bad input.
    """
    paths = photos.find(images)
    compiled.keep()
    system = editor.load(folder)
    failures = batches.Failures(skip_bad)
    if output is None:
        with batches.progress(len(paths), 0) as bar:
            rows = list(batches.counted(classify(system, paths, failures), bar))
        print(_table(system.schema, rows) if rows else "", end="")
    else:
        _fill_table(system, paths, failures, local_path(output), folder, overwrite)
    failures.report(len(paths))


def _fill_table(system, paths, failures, output, folder, overwrite):
    """Rows go into a journal beside the table, which is written when all are there or the command is stopped."""
    request = {"workdir": str(folder.resolve()), "attributes": list(system.schema.names)}
    journal = Journal(output.with_name(f".{output.name}.jsonl"), request, overwrite)
    left = [path for path in paths if str(path) not in journal.done]
    with batches.progress(len(paths), len(paths) - len(left)) as bar:
        for row in batches.counted(classify(system, left, failures), bar):
            journal.append({"photo": row[0], "row": row})
    if journal.done:  # nothing read leaves an older table alone
        write_atomically(output, _table(system.schema, (record["row"] for record in journal)))
    if not failures.stopped:
        journal.path.unlink()


def _table(schema, rows):
    table = io.StringIO()
    header = ["image", *(column for name in schema.names for column in (name, f"{name}_confidence"))]
    csv.writer(table, lineterminator="\n").writerows([header, *rows])
    return table.getvalue()


def classify(system: editor.Editor, paths: list[pathlib.Path], failures: batches.Failures) -> Iterator[list[str]]:
    """A row a photo that can be read: its path, then value and confidence of each attribute."""
    size = min(batches.BATCH, len(paths))
    read = functools.partial(_read, system.image_size)
    with batches.threads() as pool:
        seen = failures.keep_good(batches.in_threads(pool, read, paths))
        for group in batches.grouped(seen, size):
            label, confidence = system.classify(batches.padded([image for _, image in group], size))
            for i, (path, _) in enumerate(group):
                values = system.schema.decode(label[i].tolist()).values()
                cells = zip(values, (f"{c:.3f}" for c in confidence[i]), strict=True)
                yield [str(path), *(cell for pair in cells for cell in pair)]


def _read(size, path):
    return path, photos.letterbox(photos.read(path), *size).image
