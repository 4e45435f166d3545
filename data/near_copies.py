"""Photos that are nearly the same picture: of another size, quality or brightness.

Two shots of one thing, or a photo and its crop, are beyond this: a group column says so.
"""

import collections
import dataclasses
import io

import imagehash
import numpy as np
from PIL import Image

from amgan_jax.datasets.photo_list import NAMED, SPLITS, ListedPhoto

_SIDE = 16  # of the hash, which has 256 bits
_NEAR = 16  # bits in which hashes of near copies differ at most; of two catalogue photos hardly any are in 40
_FLAT = 4.0  # standard deviation, of 255: pictures with less in them all have the same hash
_MOST = 100_000  # photos; among more it would take minutes
_CHUNK = 512  # photos compared at once


def perceptual_hash(content: bytes) -> np.ndarray | None:
    """uint64 [4] of an encoded picture; None where there is nothing to see in it."""
    with Image.open(io.BytesIO(content)) as image:
        gray = image.convert("L")
    if np.std(np.asarray(gray)) < _FLAT:
        return None
    return np.packbits(imagehash.phash(gray, hash_size=_SIDE).hash.ravel()).view(np.uint64)


def settle(photos: list[ListedPhoto], hashes: list[np.ndarray | None]) -> tuple[list[ListedPhoto], list[str]]:
    """Moves near copies of photos of another split into that one, the first of train, validation and test.

    Args:
      photos: of all splits.
      hashes: of each.

    Returns:
      (photos, what was moved and what was not, a line each): those stay whose split their publisher has given.
    """
    if len(photos) > _MOST:
        return photos, [f"near copies in two splits are not looked for among more than {_MOST} photos"]
    settled, moved, stayed = list(photos), [], []
    for members in _clusters(hashes):
        first = min((photos[row] for row in members), key=lambda photo: SPLITS.index(photo.split))
        for row in members:
            photo = photos[row]
            if photo.split == first.split:
                continue
            named = f"{photo.where} of {photo.split}, like {first.where} of {first.split}"
            (moved if photo.movable else stayed).append(named)
            if photo.movable:
                settled[row] = dataclasses.replace(photo, split=first.split)
    notes = [(moved, "moved to the other's split"), (stayed, "left where the source has them")]
    return settled, [f"{len(n)} near copies of photos of another split, {done}: {_first(n)}" for n, done in notes if n]


def _first(names):
    return "; ".join(names[:NAMED]) + ("; ..." if len(names) > NAMED else "")


def _clusters(hashes):
    """Rows of photos that are near each other, directly or by others between."""
    rows = np.array([row for row, hash_ in enumerate(hashes) if hash_ is not None], int)
    if not len(rows):
        return []
    codes = np.stack([hashes[row] for row in rows])
    parent = list(range(len(rows)))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for start in range(0, len(rows), _CHUNK):
        part = codes[start : start + _CHUNK, None]
        apart = np.bitwise_count(part ^ codes[None, start:]).sum(-1, dtype=np.uint16)
        for i, j in np.argwhere(apart <= _NEAR).tolist():
            parent[root(start + i)] = root(start + j)
    clusters = collections.defaultdict(list)
    for i, row in enumerate(rows.tolist()):
        clusters[root(i)].append(row)
    return [members for members in clusters.values() if len(members) > 1]
