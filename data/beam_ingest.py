"""Photos in, on Apache Beam: what `ingest` does on one machine, for sets that outgrow it."""

import pathlib

import apache_beam as beam

from amgan_jax.datasets.ingest import ORDER, Bad, check, copy_fault, prepare, write_skipped
from amgan_jax.datasets.labelled_images import Example, keyed_features
from amgan_jax.datasets.photo_list import ListedPhoto, any_mask


class BeamIngest:
    """Photos that are read, checked and made ready by the workers of a pipeline.

    Args:
      photos: of all splits.
      skip_bad: whether photos that cannot be used are left out, and not refused.
    """

    def __init__(self, photos: list[ListedPhoto], skip_bad: bool):
        self._photos = photos
        self._skip_bad = skip_bad
        self._good = None

    def examples(self, split: str, folder: pathlib.Path) -> beam.PTransform:
        """The examples of a split, and once for all splits a skipped.csv in a folder that workers can reach."""

        has_foreground = any_mask(self._photos)

        @beam.ptransform_fn
        def of_split(root):
            return self._prepared(root, folder) | beam.Filter(_is_in, split) | beam.Map(_to_features, has_foreground)

        return of_split()

    def _prepared(self, root, folder):
        """(photo, content) of all splits that can be used: prepared once, as equal photos are found across splits."""
        if self._good is None:
            judged = (
                root
                | "photos" >> beam.Create(list(enumerate(self._photos)))
                | "spread" >> beam.Reshuffle()
                | "prepare" >> beam.Map(_prepare)
                | "find equal ones" >> beam.GroupByKey()
                | "judge" >> beam.FlatMap(_judge).with_outputs("bad", main="good")
            )
            left = judged.good | "splits" >> beam.Map(_split_of) | "splits left" >> beam.Distinct()
            _ = (
                judged.bad
                | "bad ones" >> beam.combiners.ToList()
                | "check" >> beam.Map(_check, beam.pvalue.AsList(left), len(self._photos), self._skip_bad, str(folder))
            )
            self._good = judged.good
        return self._good


def _prepare(numbered):
    """((digest, number of a bad photo), (number, photo, (content, foreground) or what is wrong))."""
    number, photo = numbered
    prepared = prepare(photo)
    if isinstance(prepared, str):
        return (b"", number), (number, photo, prepared)
    digest, content, foreground = prepared
    return (digest, -1), (number, photo, (content, foreground))


def _judge(group):
    """(photo, content) of the photos of one content that can be used; the others as (number, Bad)."""
    _, members = group
    members = sorted(members, key=lambda m: (ORDER.index(m[1].split), m[0]))
    _, first, _ = members[0]
    for number, photo, content in members:
        fault = content if isinstance(content, str) else copy_fault(photo, first)
        if fault:
            yield beam.pvalue.TaggedOutput("bad", (number, Bad(photo.where, fault)))
        else:
            yield photo, content


def _check(numbered_bad, splits, total, skip_bad, folder):
    bad = [bad for _, bad in sorted(numbered_bad, key=lambda pair: pair[0])]
    check(bad, splits, total, skip_bad)
    write_skipped(pathlib.Path(folder), bad)


def _is_in(photo_and_content, split):
    return photo_and_content[0].split == split


def _split_of(photo_and_content):
    return photo_and_content[0].split


def _to_features(photo_and_content, has_foreground):
    photo, (content, foreground) = photo_and_content
    return keyed_features(Example(photo.id, content, photo.label, foreground=foreground if has_foreground else None))
