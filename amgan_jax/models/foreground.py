"""Where the garment is: a head over the feature maps of any classifier."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from amgan_jax.models import layers
from amgan_jax.models.classifiers import Classification

_WIDTH = 32  # channels


class WithForeground(nn.Module):
    """A classifier with a foreground head, whose parameters stand beside the classifier's own, as `foreground`."""

    classifier: nn.Module
    dtype: Any
    axis_name: str | None

    def setup(self) -> None:
        nn.share_scope(self, self.classifier)
        self.foreground = _Head(self.dtype, self.axis_name)

    def __call__(self, image_BxHxWx3: jax.Array, train: bool = False) -> Classification:
        """As the classifier, with `foreground`."""
        classification = self.classifier(image_BxHxWx3, train)
        _, h, w, _ = image_BxHxWx3.shape
        logits = self.foreground(classification.feature_maps, (h, w), train)
        return classification._replace(foreground=logits)


class _Head(nn.Module):
    """All stages, brought to the finest one's size and summed, then four pixels for each of that."""

    dtype: Any
    axis_name: str | None

    @nn.compact
    def __call__(self, feature_maps: Sequence[jax.Array], size: tuple[int, int], train: bool) -> jax.Array:
        """Logits float32 [B, *size, 1]."""
        norm = lambda: layers.batch_norm(train, self.dtype, self.axis_name)  # noqa: E731
        finest = max(x.shape[1:3] for x in feature_maps)
        stages = [layers.Conv(_WIDTH, 1, use_bias=False, dtype=self.dtype)(x) for x in feature_maps]
        x = sum(jax.image.resize(x, (x.shape[0], *finest, _WIDTH), "bilinear") for x in stages)
        x = nn.relu(norm()(x))
        x = nn.relu(norm()(layers.Conv(_WIDTH, use_bias=False, dtype=self.dtype)(x)))
        x = layers.Conv(4, dtype=self.dtype)(x).astype(jnp.float32)
        b, (h, w) = x.shape[0], finest
        x = x.reshape(b, h, w, 2, 2).transpose(0, 1, 3, 2, 4).reshape(b, 2 * h, 2 * w, 1)
        return jax.image.resize(x, (b, *size, 1), "bilinear")
