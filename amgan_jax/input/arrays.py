"""A dataset in memory, as arrays: what training needs where TensorFlow is not installed.

It gives the batches that `tfdata` gives, of images that are decoded and letterboxed already.
"""

from collections.abc import Iterator
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from amgan_jax.errors import UserError
from amgan_jax.input import fingerprint, sampling
from amgan_jax.input.source import Queries
from amgan_jax.models import networks
from amgan_jax.schema import UNKNOWN, Schema
from amgan_jax.types import Config


@dataclasses.dataclass(frozen=True)
class Split:
    """Images and labels.

    image: float32 [N, H, W, 3] in [-1, 1], of the evaluator's size; the others see it made smaller.
    label: int32 [N, A].
    nuisance: int32 [N, 2], what `garments.nuisance_key` takes; None for photos.
    foreground: float32 [N, H, W, 1], see `input.source.Source`; None where none is known.
    """

    image: np.ndarray
    label: np.ndarray
    nuisance: np.ndarray | None = None
    foreground: np.ndarray | None = None


class ArraySource:
    """Batches of splits in memory; see `input.source.Source`.

    Args:
      schema: the labels' schema.
      splits: "train", "validation" and "test".
      queries: published edits of test images.

    Raises:
      UserError: images are not of the evaluator's size; when the first batch is asked for.
    """

    def __init__(self, schema: Schema, splits: dict[str, Split], queries: Queries | None = None):
        self.schema = schema
        self.queries = queries
        self.has_foreground = _knows_foreground(splits)
        self._splits = splits

    def fingerprint(self) -> fingerprint.Fingerprint:
        return {
            name: fingerprint.of_split([], split.label, map(np.ndarray.tobytes, split.image))
            for name, split in self._splits.items()
        }

    def classifier_batches(self, config: Config, name: str, first_step: int) -> Iterator[dict[str, np.ndarray]]:
        self._check_sizes(config)
        for plan in sampling.classifier_plans(self._splits["train"].label, config, name, first_step):
            size = networks.image_size(config, name)
            batch = {"image": self._show(plan, "row", size), "label": plan["label"]}
            if self.has_foreground and networks.learns_foreground(config, name):
                batch["foreground"] = self._show_foreground(plan, size)
            yield batch

    def amgan_batches(self, config: Config, first_step: int) -> Iterator[dict[str, np.ndarray]]:
        self._check_sizes(config)
        for plan in sampling.amgan_plans(self._splits["train"].label, self.schema, config, first_step):
            size = networks.image_size(config, "amgan")
            yield {
                "image": self._show(plan, "row", size),
                "reference": self._show(plan, "reference_row", size),
                **{name: plan[name] for name in ("label", "reference_label", "target", "focus")},
            }

    def evaluation_batches(self, config: Config, split: str) -> Iterator[dict[str, np.ndarray]]:
        self._check_sizes(config)
        data = self._splits[split]
        for rows, valid in sampling.evaluation_rows(len(data.label), config.evaluate.batch_size):
            batch = {"image": data.image[rows], "label": data.label[rows], "row": rows, "valid": valid}
            if data.nuisance is not None:
                batch["nuisance"] = data.nuisance[rows]
            if self.has_foreground and networks.learns_foreground(config, "attention"):
                batch["foreground"] = _foreground(data, rows)
            yield batch

    def _check_sizes(self, config):
        """Raises UserError for images that are not of the evaluator's size, and foregrounds that are not of theirs."""
        size = networks.image_size(config, "evaluator")
        for name, split in self._splits.items():
            h, w = split.image.shape[1:3]
            if (h, w) != size:
                raise UserError(f"{name} images of {h} x {w} pixels: the evaluator sees {size[0]} x {size[1]}")
            wanted = (*split.image.shape[:3], 1)
            if split.foreground is not None and split.foreground.shape != wanted:
                raise UserError(f"{name} foreground of shape {split.foreground.shape}: the images' would be {wanted}")

    def _show(self, plan, rows, size):
        """Training images [B, *size, 3], cropped and flipped as the plan says."""
        return self._augment(self._splits["train"].image[plan[rows]], plan, size)

    def _show_foreground(self, plan, size):
        """Of `_show`, the foreground [B, *size, 1]."""
        foreground = _foreground(self._splits["train"], plan["row"])
        return np.where(foreground[:, :1, :1] < 0.0, UNKNOWN, self._augment(foreground, plan, size))

    def _augment(self, image, plan, size):
        with jax.default_device(
            jax.local_devices(backend="cpu")[0]
        ):  # on an accelerator, it would wait for the training step
            image = np.asarray(_crop(image, plan["box"], size))
        return np.where(plan["flip"][:, None, None, None], image[:, :, ::-1], image)


def _knows_foreground(splits):
    """Whether that of any training image is known."""
    known = splits["train"].foreground if "train" in splits else None
    return known is not None and bool((known[:, 0, 0] >= 0.0).any())


def _foreground(split, rows):
    """Of some rows of a split, of which it may be that none is known."""
    if split.foreground is None:
        return np.full((len(rows), *split.image.shape[1:3], 1), UNKNOWN, np.float32)
    return split.foreground[rows]


@functools.partial(jax.jit, static_argnames="size")
def _crop(image_BxHxWxC, box_Bx4, size):
    """Boxes (top, left, bottom, right) in [0, 1] of images, resized as `tfdata.letterbox` does."""

    def crop(image_HxWxC, box):
        corner, opposite = box[:2], box[2:]
        frame = jnp.asarray(size, jnp.float32)
        scale = frame / ((opposite - corner) * jnp.asarray(image_HxWxC.shape[:2]))
        translation = -corner / (opposite - corner) * frame
        shape = (*size, image_HxWxC.shape[-1])
        return jax.image.scale_and_translate(image_HxWxC, shape, (0, 1), scale, translation, "triangle")

    return jax.vmap(crop)(image_BxHxWxC, box_Bx4)
