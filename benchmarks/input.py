"""How fast input is, against a bare tf.data that decodes and resizes the same files, and as a dataset grows.

python benchmarks/input.py [--output=docs/results/input.md] [--rounds=5]

Photos are noise over rendered garments, stored as JPEG at 1.5 times the network's size. Both ways take turns
in one process, and so do a small and a large dataset of the same photos; figures are medians over the turns.
"""

from collections.abc import Iterator, Sequence
import contextlib
import io
import pathlib
import tempfile
import time
from typing import Any

from absl import flags
from ml_collections import config_dict, config_flags
import numpy as np
from PIL import Image
import psutil
import tensorflow as tf
import tensorflow_datasets as tfds
import tqdm

from amgan_jax import cli, garments
from amgan_jax.datasets import labelled_images
from amgan_jax.files import write_atomically
from amgan_jax.input import tfdata

_ROOT = pathlib.Path(__file__).parent.parent

_SIZES = (64, 128, 256)  # of the images that networks see, pixels
_STORED = 1.5  # times larger are the files' images
_PHOTOS = 2000  # different ones
_GROWN = 500_000  # entries of the large dataset
_IMAGES = 8192  # of 64 pixels that are timed a turn; fewer of larger ones

_CONFIG = config_flags.DEFINE_config_file("config", str(_ROOT / "configs" / "default.py"), "Of batches and threads.")
_OUTPUT = flags.DEFINE_string("output", None, "Markdown file for the tables. Default: print them.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Turns of each.", lower_bound=1)
_ENTRIES = flags.DEFINE_integer("entries", _GROWN, "Entries of the large dataset.", lower_bound=_PHOTOS)


class Noisy(labelled_images.LabelledImages):
    """A few photos under many ids, with random labels.

    Args:
      photos: encoded.
      count: of training entries.
    """

    schema = garments.SCHEMA

    def __init__(self, *, photos: list[bytes], count: int, **kwargs: Any):
        self._photos, self._count = photos, count
        super().__init__(**kwargs)

    def examples(self, split: str) -> Iterator[labelled_images.Example]:
        count = self._count if split == "train" else 1
        rng = np.random.default_rng(0)
        labels = np.stack([rng.integers(0, n, count) for n in self.schema.value_counts], axis=-1).tolist()
        for i, label in enumerate(labels):
            yield labelled_images.Example(str(i), self._photos[i % len(self._photos)], label)


def main(argv: Sequence[str]) -> None:
    del argv
    with tempfile.TemporaryDirectory() as folder:
        speed = [_speed_row(size, pathlib.Path(folder) / str(size)) for size in _SIZES]
        growth = _growth_rows(pathlib.Path(folder))
    text = (
        _table(("pixels", "bare, images/s", "classifiers, of bare", "AMGAN, of bare"), speed)
        + "\n"
        + _table(
            ("entries", "ms a batch of AMGAN", "of the small dataset's", "MB of its own", "MB mapped", "MB on disk"),
            growth,
        )
    )
    if _OUTPUT.value:
        write_atomically(pathlib.Path(_OUTPUT.value), text)
    print(text, end="")


def _speed_row(size, folder):
    """Both pipelines against the bare one, at a size."""
    config = _config(size, folder)
    _build(_photos(round(_STORED * size)), _PHOTOS, folder)
    source = tfdata.DatasetSource(config)
    ways = {
        "bare": (_bare(folder, size, config.attention.batch_size), 1),
        "classifiers": (source.classifier_batches(config, "attention", 0), 1),
        "amgan": (source.amgan_batches(config, 0), 2),  # an image and its reference
    }
    speeds = {name: [] for name in ways}
    for _ in tqdm.trange(_ROUNDS.value, desc=f"{size} pixels", unit="turn"):
        for name, (batches, images) in ways.items():
            speeds[name].append(images / _seconds_a_row(batches, _IMAGES * _SIZES[0] // size // images))
    ratios = [np.median(np.divide(speeds[name], speeds["bare"])) for name in ("classifiers", "amgan")]
    return (size, f"{np.median(speeds['bare']):.0f}", *(f"{ratio:.2f}" for ratio in ratios))


def _seconds_a_row(batches, rows):
    """Seconds that a row of the next batches takes, without what was made for the queues while others were timed."""
    for some in (rows // 2, rows):
        seen, started = 0, time.perf_counter()
        while seen < some:
            seen += len(next(batches)["image"])
    return (time.perf_counter() - started) / seen


def _bare(folder, size, batch_size):
    """What one would write by hand: read, decode, resize, batch."""
    files = [str(path) for path in folder.rglob("*train.tfrecord*")]
    features = {"image": tf.io.FixedLenFeature((), tf.string)}

    def load(record):
        image = tf.io.decode_jpeg(tf.io.parse_single_example(record, features)["image"], channels=3)
        return {"image": tf.image.resize(image, (size, size), antialias=True) / 127.5 - 1.0}

    dataset = tf.data.TFRecordDataset(files).repeat().map(load, tf.data.AUTOTUNE)
    return dataset.batch(batch_size, drop_remainder=True).prefetch(2).as_numpy_iterator()


def _growth_rows(folder):
    """What a batch costs, as the dataset grows from a few photos to many entries."""
    photos, batches, rows, seconds = _photos(64), {}, {}, {}
    for count in (_PHOTOS, _ENTRIES.value):
        place = folder / f"grown_{count}"
        _build(photos, count, place)
        config = _config(64, place)
        before = _resident()
        batches[count] = tfdata.DatasetSource(config).amgan_batches(config, 0)
        next(batches[count])
        disk = sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) / 1e6
        rows[count], seconds[count] = (*(_resident() - before), disk), []
    for _ in tqdm.trange(3 * _ROUNDS.value, desc="growth", unit="turn"):
        for count in batches:
            seconds[count].append(config.amgan.batch_size * _seconds_a_row(batches[count], _IMAGES // 2))
    of_small = {count: np.median(np.divide(s, seconds[_PHOTOS])) for count, s in seconds.items()}
    return [
        (f"{c:,}", f"{1e3 * np.median(seconds[c]):.2f}", f"{of_small[c]:.2f}", *(f"{size:.0f}" for size in sizes))
        for c, sizes in rows.items()
    ]


def _config(size, folder):
    config = config_dict.ConfigDict(_CONFIG.value)
    config.height = config.width = size
    config.data.dataset, config.data.data_dir = "noisy", str(folder)
    return config


def _photos(size):
    """Encoded photos; noise gives them the detail, and so the cost, of real ones."""
    rng = np.random.default_rng(size)
    label = np.stack([rng.integers(0, n, 50) for n in garments.SCHEMA.value_counts], axis=-1).astype(np.int32)
    nuisance = np.stack([np.zeros(50), np.arange(50)], axis=-1).astype(np.int32)
    drawn = (np.asarray(garments.render_batch(label, nuisance, (size, size))) + 1.0) * 127.5
    return [_jpeg(drawn[i % 50] + rng.normal(0.0, 6.0, drawn.shape[1:])) for i in range(_PHOTOS)]


def _jpeg(image):
    buffer = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


def _build(photos, count, folder):
    """Writes a dataset, without TFDS' bars."""
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):
        Noisy(photos=photos, count=count, data_dir=folder).download_and_prepare()


def _resident():
    """Megabytes that this process has in memory now: its own, and of mapped files."""
    memory = psutil.Process().memory_info()
    return np.array([memory.rss - memory.shared, memory.shared]) / 1e6


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


if __name__ == "__main__":
    cli.run(main)
