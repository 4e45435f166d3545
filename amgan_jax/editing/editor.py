"""A trained system as functions on arrays: classify, edit, activation_maps, foreground."""

from collections.abc import Collection, Sequence
import functools
import pathlib
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from amgan_jax import encoding
from amgan_jax import workdir as workdir_lib
from amgan_jax.bundles import bundle
from amgan_jax.editing import carry_up
from amgan_jax.models import foreground, layers, networks, recolor, regions
from amgan_jax.models.activation_maps import activation_maps
from amgan_jax.models.classifiers import Classification
from amgan_jax.schema import Schema
from amgan_jax.training import state
from amgan_jax.types import Array, Config, Tree
from amgan_jax.workdir import CLASSIFIERS


class Editor:
    """The generator's moving average and both classifiers. Images are float32 [B, H, W, 3] in [-1, 1].

    Images may be larger than the networks': each network sees them at its own size, and what the
    generator changes is carried up (`carry_up`).

    Args:
      config: the experiment's.
      schema: the dataset's.
      generator: the generator's parameters.
      classifiers: the variables of each of `workdir.CLASSIFIERS`, by name; a bundle may lack the evaluator.
    """

    def __init__(self, config: Config, schema: Schema, generator: Tree, classifiers: dict[str, Tree]):
        self.config = config
        self.schema = schema
        self.generator, self.classifiers = jax.device_put((generator, classifiers))  # once, not at each call

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of images in which every network sees all that it can."""
        return max(networks.image_size(self.config, name) for name in self.classifiers)

    def classify(self, image: np.ndarray, readers: Sequence[str] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(label int32 [B, A], confidence float32 [B, A] in [0, 1]), by the mean of the readers' probabilities.

        Args:
          image: to read.
          readers: names of classifiers; None: all that there are.
        """
        readers = tuple(self.classifiers) if readers is None else readers
        return jax.device_get(read(self.config, self.schema, {name: self.classifiers[name] for name in readers}, image))

    def edit(
        self,
        image: np.ndarray,
        source: np.ndarray,
        target: np.ndarray,
        region: int | None = None,
        in_turn: Collection[int] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(edited like image, mask float32 [B, H, W, 1] in [0, 1]).

        Images of which nothing is asked come back as they are.

        Args:
          image: to edit.
          source: int32 [B, A], the values that it has.
          target: int32 [B, A], the values that it should have; where it equals the source, nothing is asked for.
          region: index of an attribute; the change is kept to where it is seen, before or after.
          in_turn: edits of so many attributes are made one attribute after another, all others in one pass;
            None: `config.edit.in_turn`.
        """
        edited, mask, before = image, np.zeros((*image.shape[:3], 1), np.float32), source
        for after in split_edit(source, target, self.config.edit.in_turn or () if in_turn is None else in_turn):
            due = np.any(after != before, axis=1)[:, None, None, None]
            pictures, painted = self._edit_once(edited, before, after)
            edited = np.where(due, pictures, edited)
            mask, before = np.where(due, 1.0 - (1.0 - mask) * (1.0 - painted), mask), after
        if region is not None:
            kept = self.regions(image, source, edited, target)[..., region, None]
            edited, mask = image + kept * (edited - image), kept * mask
        return edited, mask

    def _edit_once(self, image, source, target):
        """One pass of the generator, whose change is carried up where the image is larger."""
        seen = _seen(self.config, "amgan", image)
        parameters = (self.generator, self.classifiers["attention"])
        edited, mask = edit_once(self.config, self.schema, parameters, seen, source, target)
        if seen is not image:
            each = zip(*jax.device_get((seen, edited, mask, image)), strict=True)
            edited = np.stack([carry_up.carry(*x) for x in each])
            mask = _resize(mask, image.shape[1:3])
        return tuple(jax.device_get((edited, mask)))

    def activation_maps(self, image: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Where each attribute's value of a label int32 [B, A] is seen: float32 [B, H, W, A] in [0, 1]."""
        classification = apply_classifier(self.config, self.schema, "attention", self.classifiers["attention"], image)
        return jax.device_get(self._maps(classification, image, label))

    def foreground(self, image: np.ndarray) -> np.ndarray | None:
        """Where the garment is: float32 [B, H, W, 1] in [0, 1]; None where the attention network did not learn that."""
        if not networks.learns_foreground(self.config, "attention"):
            return None
        _, found = self._look(image)
        return jax.device_get(_resize(found, image.shape[1:3]))

    def regions(self, image: np.ndarray, source: np.ndarray, edited: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Where edits of images from one label int32 [B, A] to another belong: float32 [B, H, W, A] in [0, 1]."""
        whole = networks.whole(self.config, self.schema)
        return jax.device_get(regions.regions(self._see(image, source), self._see(edited, target), whole))

    def _look(self, image):
        return _attend(self.config, self.schema, self.classifiers["attention"], image)

    def _see(self, image, label):
        classification, found = self._look(image)
        found = None if found is None else _resize(found, image.shape[1:3])
        return regions.Seen(self._maps(classification, image, label), found)

    def _maps(self, classification, image, label):
        variables, feature_map = self.classifiers["attention"], classification.feature_maps[-1]
        return activation_maps(variables, feature_map, label, self.schema.value_counts, image.shape[1:3])


def split_edit(source_BxA: np.ndarray, target_BxA: np.ndarray, in_turn: Collection[int]) -> list[np.ndarray]:
    """The targets [B, A] of each pass of an edit; none where nothing is asked.

    Edits of a number of attributes that is in `in_turn` take a pass an attribute, in the schema's order; all others
    are done after the first. An attribute that is unknown in source or target keeps the source's value.
    """
    changed = np.asarray(encoding.changed(source_BxA, target_BxA), bool)
    place = np.cumsum(changed, axis=1)  # of an attribute among those that change, from 1
    split = np.isin(changed.sum(axis=1), list(in_turn))[:, None]
    place = np.where(split, place, 1)
    passes = range(1, 1 + np.max(place * changed, initial=0))
    return [np.where(changed & (place <= n), target_BxA, source_BxA).astype(np.int32) for n in passes]


def edit_once(
    config: Config, schema: Schema, parameters: tuple[Tree, Tree], image: Array, source: Array, target: Array
) -> tuple[jax.Array, jax.Array]:
    """One pass of the generator: a pure function, which exports trace as it is.

    Args:
      config: the experiment's.
      schema: the dataset's.
      parameters: the generator's, and the variables of the attention network, which says where the garment is.
      image: float32 [B, H, W, 3] in [-1, 1], of the generator's size.
      source: int32 [B, A], the values that the images have; -1 is unknown.
      target: int32 [B, A], the values that they should have.

    Returns:
      (edited like image, mask float32 [B, H, W, 1] in [0, 1]).
    """
    generator_params, attention = parameters
    generator = networks.build_generator(config, schema)
    condition = encoding.condition(source, target, schema.value_counts, config.amgan.condition)
    known = ()
    if networks.paints_foreground(config) or networks.sees_foreground(config):
        _, found = _attend(config, schema, attention, image)
        known = (found,)
    changed = encoding.changed(source, target)
    output = apply(generator, {"params": generator_params}, image, condition, changed, *known)
    recolors = networks.recolors(config, schema)
    edited = _even(output, image, changed, recolors) if config.edit.even and any(recolors) else output.edited
    return edited, output.mask


def read(config: Config, schema: Schema, classifiers: Tree, image: Array) -> tuple[jax.Array, jax.Array]:
    """(label int32 [B, A], confidence float32 [B, A] in [0, 1]), by the mean of the readers' probabilities.

    A pure function, which exports trace as it is.

    Args:
      config: the experiment's.
      schema: the dataset's.
      classifiers: the variables of each reader, by name.
      image: float32 [B, H, W, 3] in [-1, 1], of any size.
    """
    look = functools.partial(apply_classifier, config, schema)
    logits = [look(name, variables, image).logits for name, variables in classifiers.items()]
    return encoding.most_likely(encoding.pool(logits, schema.value_counts), schema.value_counts)


def apply_classifier(config: Config, schema: Schema, name: str, variables: Tree, image: Array) -> Classification:
    """What the classifier of a name makes of images float32 [B, H, W, 3] in [-1, 1], of any size; no foreground."""
    network = networks.without_head(networks.build_classifier(config, name, schema))
    return apply(network, variables, _seen(config, name, image))


def most_likely(logits_BxV: Array, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """(label int32 [B, A], confidence float32 [B, A] in [0, 1]) of logits."""
    return jax.device_get(encoding.most_likely(logits_BxV, schema.value_counts))


def _attend(config, schema, variables, image):
    """What the attention network makes of images of any size, and where it finds the garment in them.

    The latter float32 [B, H, W, 1] in [0, 1], of the network's size; None where it has no head for that.
    """
    network, seen = networks.build_classifier(config, "attention", schema), _seen(config, "attention", image)
    classification = apply(network, variables, seen)
    if classification.foreground is None:
        return classification, None
    return classification, _sharpen(jax.nn.sigmoid(classification.foreground), seen)


def _seen(config, name, image):
    """The image at a network's size."""
    size = networks.image_size(config, name)
    return image if image.shape[1:3] == size else _resize(image, size)


_resize = jax.jit(layers.resize, static_argnums=1)
_sharpen = jax.jit(foreground.sharpen)
_even = jax.jit(recolor.even, static_argnums=3)


# A module is a static argument, so that all editors of one config share what is compiled.
@functools.partial(jax.jit, static_argnums=0)
def apply(network: nn.Module, variables: Tree, *inputs: Array) -> Any:
    """What a network returns for inputs."""
    return network.apply(variables, *inputs)


def load(directory: pathlib.Path) -> Editor:
    """The editor of a trained workdir, or of a bundle.

    Raises:
      UserError: it is neither, or not trained yet, or damaged.
    """
    if workdir_lib.is_bundle(directory):
        return Editor(*bundle.read(directory))
    from amgan_jax.training import checkpoints  # Orbax takes a second, and a bundle needs none

    config, schema = workdir_lib.load(directory)
    classifiers = {}
    for name in CLASSIFIERS:
        shapes = jax.eval_shape(functools.partial(state.init_classifier, config, name, schema))
        classifiers[name] = checkpoints.restore(directory / name, shapes).variables
    amgan = checkpoints.restore(directory / "amgan", jax.eval_shape(lambda: state.init_amgan(config, schema)))
    return Editor(config, schema, amgan.ema, classifiers)
