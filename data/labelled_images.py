"""What all datasets here have in common: encoded images, labels and a schema."""

from collections.abc import Iterator
import dataclasses
from typing import ClassVar

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from amgan_jax.datasets.photo_list import SPLITS
from amgan_jax.schema import Schema


@dataclasses.dataclass(frozen=True)
class Example:
    """One labelled image.

    id: unique within the dataset.
    image: encoded file content.
    label: a value index for each attribute of the schema.
    nuisance: of rendered garments, what `garments.nuisance_key` takes.
    foreground: a grey PNG of the image's size, white where the garment is; empty where that is unknown, None in
      datasets of which none is known.
    """

    id: str
    image: bytes
    label: list[int]
    nuisance: tuple[int, int] | None = None
    foreground: bytes | None = None


class _SortedWriter(tfds.core.writer.ExampleWriter):
    """Writes features in the same order each time, so that a rebuilt dataset is equal."""

    def write(self, path, examples):
        return super().write(path, ((key, _sorted(serialized)) for key, serialized in examples))


def _sorted(serialized):
    return tf.train.Example.FromString(serialized).SerializeToString(deterministic=True)


class LabelledImages(tfds.core.GeneratorBasedBuilder):
    """Builder of labelled images; a dataset says its schema and examples."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES: ClassVar = {
        "1.1.0": "Where the garment is, an optional feature. Else as 1.0.0, which is read as well."
    }
    schema: Schema
    summary: str  # what it is and whose, in a line
    # A subclass registers itself with TFDS under its own name.
    pkg_dir_path = None

    def examples(self, split: str) -> Iterator[Example]:
        """Examples of "train", "validation" or "test"."""
        raise NotImplementedError

    def has_foreground(self) -> bool:
        """Whether examples have a foreground, be it unknown."""
        return False

    def extra_features(self) -> dict:
        """Features beyond id, image and label."""
        return {}

    def extra_metadata(self) -> dict:
        """What is stored beside the schema."""
        return {}

    def _info(self):
        features = {
            "id": tfds.features.Text(),
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.Tensor(shape=(len(self.schema.attributes),), dtype=np.int32),
            **({"foreground": tfds.features.Text()} if self.has_foreground() else {}),
            **self.extra_features(),
        }
        schema = {a.name: list(a.values) for a in self.schema.attributes}
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.summary,
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(schema=schema, **self.extra_metadata()),
        )

    def _example_writer(self):
        return _SortedWriter(self.info.file_format)

    def _split_generators(self, dl_manager):
        del dl_manager
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split):
        return map(keyed_features, self.examples(split))


def keyed_features(example: Example) -> tuple[str, dict]:
    """An example as TFDS takes it."""
    features = {"id": example.id, "image": example.image, "label": np.array(example.label, np.int32)}
    if example.nuisance is not None:
        features["nuisance"] = np.array(example.nuisance, np.int32)
    if example.foreground is not None:
        features["foreground"] = example.foreground
    return example.id, features
