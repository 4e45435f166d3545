"""The TFDS builder of photos: what was read and checked becomes tfrecords."""

import pathlib
from typing import Any

import tensorflow_datasets as tfds

from amgan_jax import fingerprint, input_pipeline
from ingest import Ingested, write_skipped
from labelled_images import Example, LabelledImages
from photo_list import PhotoList


class PhotoSet(LabelledImages):
    """Photos, read and checked before they are built, or on Apache Beam while they are.

    Args:
      name: of the dataset.
      summary: see `dataset.Dataset`.
      photo_list: of the dataset.
      digests: `input_pipeline.source_digest` of files of the source, by name, whose change is to be noticed.
      files: `fingerprint.record_files` of the photos.

    Attributes:
      ingested: the photos, or a `beam_ingest.BeamIngest`; to be set before the dataset is built.
    """

    ingested: Any

    def __init__(
        self, *, name: str, summary: str, photo_list: PhotoList, digests: dict[str, str], files: dict, **kwargs
    ):
        self.name, self.summary, self.schema = name, summary, photo_list.schema
        self._files = files
        self._metadata = {"queries": photo_list.queries, "digests": digests}
        if photo_list.variant:
            variant = input_pipeline.variant_name(photo_list.variant)
            kwargs["config"] = tfds.core.BuilderConfig(name=variant, description="see data/build.py")
        super().__init__(**kwargs)

    def extra_metadata(self):
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

    def examples(self, split):
        for photo in self.ingested.photos:
            if photo.split == split:
                yield Example(photo.id, self.ingested.content(photo), photo.label)
