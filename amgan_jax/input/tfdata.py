"""tf.data input: built datasets to numpy batches. TensorFlow's only use here, but for clu's.

A dataset's files are mapped into memory, so that the system keeps as much of them there
as fits; `sampling` says which rows a step shows and how; tf.data decodes, letterboxes,
crops and flips them, in parallel and in order.
"""

from collections.abc import Iterator, Sequence
import concurrent.futures
import functools
import itertools
import mmap
import os
import struct
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from amgan_jax.errors import UserError
from amgan_jax.input import built, fingerprint, sampling
from amgan_jax.input.source import Queries
from amgan_jax.models import networks
from amgan_jax.schema import UNKNOWN, Schema
from amgan_jax.types import Config

_CHUNK_ROWS, _CHUNK_BYTES = 4096, 2**26  # given to tf.data at once, at most: to start with them takes 30 ms
_WHOLE = (0.0, 0.0, 1.0, 1.0)  # top, left, bottom, right


class Table(NamedTuple):
    """A split on disk.

    record: a view of each of the N records, in the memory that its file is mapped to.
    checksum: of each record, 4 bytes.
    id: bytes [N].
    label: int32 [N, A].
    nuisance: int32 [N, 2], None for photos.
    """

    record: list[memoryview]
    checksum: list[bytes]
    id: np.ndarray
    label: np.ndarray
    nuisance: np.ndarray | None

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Records bytes [N] of rows [N]."""
        return np.array([bytes(self.record[row]) for row in rows], object)


class DatasetSource:
    """Batches of a built dataset; see `input.source.Source`.

    Args:
      config: the experiment's; `config.data` says which dataset.

    Raises:
      UserError: see `built.find`; or garments are rendered at another size than the evaluator sees.
    """

    def __init__(self, config: Config):
        builder = tfds.builder_from_directory(built.find(config))
        if config.data.dataset == built.RENDERED:
            _check_rendered_size(config)
        self.schema = Schema.from_values(builder.info.metadata["schema"])
        self._tables = {split: _read_table(builder, split) for split in ("train", "validation", "test")}
        self.queries = _find_queries(builder, self._tables["test"])
        self.has_foreground = "foreground" in builder.info.features and _knows_foreground(builder)

    def fingerprint(self) -> fingerprint.Fingerprint:
        return {
            split: fingerprint.of_split(table.id, table.label, table.checksum) for split, table in self._tables.items()
        }

    def classifier_batches(self, config: Config, name: str, first_step: int) -> Iterator[dict[str, np.ndarray]]:
        table = self._tables["train"]
        plans = sampling.classifier_plans(table.label, config, name, first_step)
        size = networks.image_size(config, name)
        foreground = self.has_foreground and networks.learns_foreground(config, name)
        return _batches(config, table, plans, {"record": "row"}, size, ("label",), foreground)

    def amgan_batches(self, config: Config, first_step: int) -> Iterator[dict[str, np.ndarray]]:
        table = self._tables["train"]
        plans = sampling.amgan_plans(table.label, self.schema, config, first_step)
        records = {"record": "row", "reference_record": "reference_row"}
        size = networks.image_size(config, "amgan")
        return _batches(config, table, plans, records, size, keep=("label", "reference_label", "target", "focus"))

    def evaluation_batches(self, config: Config, split: str) -> Iterator[dict[str, np.ndarray]]:
        table = self._tables[split]
        columns = {"label": table.label} | ({} if table.nuisance is None else {"nuisance": table.nuisance})

        def plans():
            for rows, valid in sampling.evaluation_rows(len(table.label), config.evaluate.batch_size):
                yield {"row": rows, "valid": valid, **{name: column[rows] for name, column in columns.items()}}

        size = networks.image_size(config, "evaluator")
        keep = ("row", "valid", *columns)
        foreground = self.has_foreground and networks.learns_foreground(config, "attention")
        return _batches(config, table, plans(), {"record": "row"}, size, keep, foreground)


def letterbox(image_HxWx3: tf.Tensor, height: int, width: int, box: Sequence[float] | tf.Tensor = _WHOLE) -> tf.Tensor:
    """Fits a uint8 image into height x width, keeping its shape, on white: float32 [height, width, 3] in [-1, 1].

    With a box (top, left, bottom, right) in [0, 1], only that part of the result is shown, as large as the whole:
    enlarged from the image itself and in the same pass.
    """
    darkness = _fit(tf.bitwise.invert(image_HxWx3), height, width, box)  # what is not covered becomes 0: white
    return 1.0 - darkness * (2.0 / 255.0)


def _fit(image_HxWxC, height, width, box):
    """`letterbox`, but float32 [height, width, C] in [0, 255], on 0."""
    frame = tf.constant([height, width], tf.float32)
    size = tf.cast(tf.shape(image_HxWxC)[:2], tf.float32)
    inner = tf.maximum(tf.round(size * tf.reduce_min(frame / size)), 1.0)
    corner, opposite = tf.split(box, 2)
    zoom = 1.0 / (opposite - corner)
    fitted = tf.raw_ops.ScaleAndTranslate(
        images=image_HxWxC[None],
        size=[height, width],
        scale=zoom * inner / size,
        translation=zoom * ((frame - inner) // 2.0 - corner * frame),
        kernel_type="triangle",
        antialias=True,
    )
    return fitted[0]


def _check_rendered_size(config):
    """The truth of an edit is rendered as the evaluator sees the image, so the image must have been, too."""
    built = config.data.builder.height, config.data.builder.width
    seen = networks.image_size(config, "evaluator")
    if built != seen:
        raise UserError(
            f"the garments are rendered at {built[0]} x {built[1]} pixels and the evaluator sees {seen[0]} x {seen[1]}:"
            f" set --config.data.builder.height={seen[0]} --config.data.builder.width={seen[1]}"
        )


def _read_table(builder, split):
    names = ["label"] + ["nuisance"] * ("nuisance" in builder.info.features)
    features = {n: tf.io.FixedLenFeature(builder.info.features[n].shape, tf.int64) for n in names}
    columns = _read_columns(builder, split, features | {"id": tf.io.FixedLenFeature((), tf.string)})
    ids = columns.pop("id")
    columns = {name: column.astype(np.int32) for name, column in columns.items()}
    mapped = [record for path in builder.info.splits[split].filepaths for record in _map_records(path)]
    records, checksums = map(list, zip(*mapped, strict=True))
    return Table(records, checksums, ids, columns["label"], columns.get("nuisance"))


def _read_columns(builder, split, features):
    """Features [N, ...] of all records of a split, by name."""
    records = tf.data.TFRecordDataset(builder.info.splits[split].filepaths).batch(_CHUNK_ROWS)
    batches = list(records.map(lambda batch: tf.io.parse_example(batch, features)).as_numpy_iterator())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in features}


def _knows_foreground(builder):
    """Whether that of any training image is known; ends with the first one that is."""
    records = tf.data.TFRecordDataset(builder.info.splits["train"].filepaths)
    return any(len(_foreground_of(record).numpy()) for record in records)


def _find_queries(builder, test):
    """The published queries, without those of photos that were left out when the dataset was built."""
    published = builder.info.metadata.get("queries")
    if not published:
        return None
    row_of = {id_.decode(): row for row, id_ in enumerate(test.id)}
    queries = [(row_of[id_], target) for id_, target in published if id_ in row_of]
    if not queries:
        return None
    rows, targets = zip(*queries, strict=True)
    return Queries(np.array(rows), np.array(targets, np.int32))


def _map_records(path):
    """A view of each record of a tfrecord file, and its checksum.

    Each stands behind its length (8 bytes) and a checksum of that (4), and before its own (4). Mapping reads
    a record in 1 microsecond; ArrayRecord took 50.
    """
    with open(path, "rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    place = 0
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        end = place + 12 + length
        yield content[place + 12 : end], bytes(content[end : end + 4])
        place += 16 + length


def _show(record, size, flip=False, box=_WHOLE):
    """The image of a record as float32 [*size, 3]."""
    encoded = tf.io.parse_single_example(record, {"image": tf.io.FixedLenFeature((), tf.string)})["image"]
    return _flip(letterbox(tf.io.decode_image(encoded, channels=3, expand_animations=False), *size, box), flip)


def _show_foreground(record, size, flip=False, box=_WHOLE):
    """The foreground of what `_show` shows: float32 [*size, 1], see `input.source.Source`."""
    encoded = _foreground_of(record)

    def known():
        mask = _fit(tf.io.decode_png(encoded, channels=1), *size, box) / 255.0
        return tf.ensure_shape(_flip(mask, flip), (*size, 1))

    return tf.cond(tf.strings.length(encoded) > 0, known, lambda: tf.fill((*size, 1), float(UNKNOWN)))


def _foreground_of(record):
    """The encoded foreground of a record; empty where it is unknown."""
    return tf.io.parse_single_example(record, {"foreground": tf.io.FixedLenFeature((), tf.string)})["foreground"]


def _flip(image_HxWxC, flip):
    width_axis = tf.boolean_mask([1], [flip])  # none where it is not flipped; a tf.cond costs more
    return tf.reverse(image_HxWxC, width_axis)


def _batches(config, table, plans, records, size, keep, foreground=False):
    """Numpy batches of the rows of each of `plans`, in order, several at work at once.

    Plans go to tf.data a chunk at a time, as arrays: a Python generator inside of tf.data
    would need the interpreter's lock in its threads, and can hang when the process ends.
    While a chunk is given out, a thread starts the next one.

    Args:
      config: the experiment's.
      table: that the rows are of.
      plans: see `sampling`.
      records: names of the records that are read, each with the name of its rows in a plan.
      size: (height, width) of the images.
      keep: names of what goes from a plan into its batch.
      foreground: whether that of "record" goes into it.
    """
    row_bytes = len(records) * np.mean([len(record) for record in table.record[:_CHUNK_ROWS]])
    chunks = _chunks(plans, min(_CHUNK_ROWS, int(_CHUNK_BYTES / row_bytes)))
    dataset = _dataset_function(config.data.threads, size, keep, foreground)

    def start():
        chunk = next(chunks, None)
        if chunk is None:
            return None
        joined = {name: np.concatenate([plan[name] for plan in chunk]) for name in chunk[0]}
        joined |= {name: table.read(joined[rows]) for name, rows in records.items()}
        tensors = {name: tf.constant(column) for name, column in joined.items()}
        return dataset(tensors, len(chunk[0]["row"])).as_numpy_iterator()

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(start)
        while (at_work := upcoming.result()) is not None:
            upcoming = thread.submit(start)
            yield from at_work


@functools.cache  # traced once, however often validation images are measured
def _dataset_function(threads, size, keep, foreground):
    """A function from a chunk's columns, by name, and a batch size to their dataset."""

    def load(row):
        flip, box = row.get("flip", False), row.get("box", _WHOLE)
        images = {"image": _show(row["record"], size, flip, box)}
        if "reference_record" in row:
            images["reference"] = _show(row["reference_record"], size, flip, box)
        if foreground:
            images["foreground"] = _show_foreground(row["record"], size, flip, box)
        return images | {name: row[name] for name in keep}

    @functools.partial(tf.function, reduce_retracing=True)
    def dataset(columns, batch_size):
        rows = tf.data.Dataset.from_tensor_slices(columns)
        rows = rows.map(load, num_parallel_calls=threads or os.cpu_count(), deterministic=True)
        return rows.batch(batch_size, drop_remainder=True).prefetch(2).with_options(_options(threads))

    return dataset


def _options(threads):
    """A dataset lives for a chunk: what looks for a better graph or the best number of threads would not pay."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.experimental_warm_start = True
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    return options


def _chunks(plans, rows):
    """Lists of consecutive plans of about so many rows."""
    for first in plans:
        yield [first, *itertools.islice(plans, max(1, rows // len(first["row"])) - 1)]
