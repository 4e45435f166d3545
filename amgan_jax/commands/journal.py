"""Which photos are done: a file with a line of JSON a photo, by which a command goes on where it stopped."""

from collections.abc import Callable, Iterator
import json
import pathlib

from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically


class Journal:
    """Records of photos, appended as they are done. A line that a kill cut short is dropped.

    Args:
      path: the file.
      request: what was asked for, of JSON types; it stands in each record.
      overwrite: begin anew, whatever the file holds.
      is_there: whether what a record speaks of is still there; where it is not, its photo is not done.

    Raises:
      UserError: the file is of another request, or cannot be read or written.
    """

    def __init__(
        self, path: pathlib.Path, request: dict, overwrite: bool, is_there: Callable[[dict], bool] = lambda record: True
    ):
        self.path = path
        self._request = request
        lines = [] if overwrite else _whole_lines(path)
        records = [json.loads(line) for line in lines]
        for record in records:
            if record["request"] != request:
                raise UserError(
                    f"{path} is of another request, {json.dumps(record['request'])}: name another --output, or"
                    " give --overwrite"
                )
        kept = [(line, record) for line, record in zip(lines, records, strict=True) if is_there(record)]
        self.done = {record["photo"] for _, record in kept}
        write_atomically(path, b"".join(line for line, _ in kept))

    def append(self, record: dict) -> None:
        """Adds the record of a photo, which names it as `photo`.

        Raises:
          UserError: the file cannot be written.
        """
        line = json.dumps(record | {"request": self._request}, ensure_ascii=True) + "\n"
        try:
            with self.path.open("ab") as file:
                file.write(line.encode())
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}") from error
        self.done.add(record["photo"])

    def __iter__(self) -> Iterator[dict]:
        """The records, in the order in which they were done."""
        with self.path.open("rb") as file:
            yield from map(json.loads, file)


def _whole_lines(path):
    """The lines of a file that are records, as bytes; none where there is no file."""
    try:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if lines and not lines[-1].endswith(b"\n"):
        lines = lines[:-1]
    for line in lines:
        if not _is_record(line):
            raise UserError(f"{path} is not a list of photos of this command: name another --output, or --overwrite")
    return lines


def _is_record(line):
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and {"photo", "request"} <= record.keys()
