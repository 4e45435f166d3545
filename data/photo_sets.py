"""The TFDS builder of photos: what was read and checked becomes tfrecords."""

from collections.abc import Iterator
import pathlib
from typing import Any

import tensorflow_datasets as tfds

from amgan_jax.datasets.ingest import Ingested, write_skipped
from amgan_jax.datasets.labelled_images import Example, LabelledImages
from amgan_jax.datasets.photo_list import PhotoList, any_mask
from amgan_jax.input import built, fingerprint


class PhotoSet(LabelledImages):
    """Photos, read and checked before they are built, or on Apache Beam while they are.

    Args:
      name: of the dataset.
      summary: see `dataset.Dataset`.
      photo_list: of the dataset.
      watched: `fingerprint.file_digest` by name of files whose change is to be noticed: `digests`, in the folder of
        the source, and `labels`, in that of the build script.
      files: `fingerprint.record_files` of the photos.

    Attributes:
      ingested: the photos, or a `beam_ingest.BeamIngest`; to be set before the dataset is built.
    """

    ingested: Any

    def __init__(
        self, *, name: str, summary: str, photo_list: PhotoList, watched: dict[str, dict], files: dict, **kwargs: Any
    ):
        self.name, self.summary, self.schema = name, summary, photo_list.schema
        self._files = files
        self._has_foreground = any_mask(photo_list.photos)
        self._metadata = {"queries": photo_list.queries, **watched}
        if photo_list.variant:
            variant = built.variant_name(photo_list.variant)
            kwargs["config"] = tfds.core.BuilderConfig(name=variant, description="see data/build.py")
        super().__init__(**kwargs)

    def has_foreground(self) -> bool:
        return self._has_foreground

    def extra_metadata(self) -> dict:
        return {name: value for name, value in self._metadata.items() if value}

    def _split_generators(self, dl_manager):
        fingerprint.write_files(pathlib.Path(self.data_path), self._files)
        if isinstance(self.ingested, Ingested):
            write_skipped(pathlib.Path(self.data_path), self.ingested.bad)
        return super()._split_generators(dl_manager)

    def _generate_examples(self, split):
        if isinstance(self.ingested, Ingested):
            return super()._generate_examples(split)
        return self.ingested.examples(split, self.data_path)

    def examples(self, split: str) -> Iterator[Example]:
        for photo in self.ingested.photos:
            if photo.split == split:
                content, foreground = self.ingested.content(photo)
                yield Example(photo.id, content, photo.label, foreground=foreground if self._has_foreground else None)
