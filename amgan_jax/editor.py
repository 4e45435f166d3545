"""A trained system as functions on arrays: classify, edit, attention."""

import functools
import pathlib

import jax
import numpy as np

from amgan_jax import checkpoints, labels, networks, state
from amgan_jax import workdir as workdir_lib
from amgan_jax.attributes import Schema
from amgan_jax.models import attention as attention_lib


class Editor:
    """The generator's moving average and both classifiers. Images are float32 [B, H, W, 3] in [-1, 1].

    Images may be larger than the networks': each network sees them at its own size, and what the
    generator changes is carried up.

    Args:
      config: the experiment's.
      schema: the dataset's.
      generator: the generator's parameters.
      classifiers: the variables of each of `networks.CLASSIFIERS`, by name; public, as the judge of edits is one.
    """

    def __init__(self, config, schema: Schema, generator, classifiers):
        self.config = config
        self.schema = schema
        self._generator, self.classifiers = jax.device_put((generator, classifiers))  # once, not at each call

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of images in which every network sees all that it can."""
        return networks.image_size(self.config, "evaluator")

    def classify(self, image) -> tuple[np.ndarray, np.ndarray]:
        """(label int32 [B, A], confidence float32 [B, A] in [0, 1]), by the mean of both classifiers' probabilities."""
        read = functools.partial(apply_classifier, self.config, self.schema)
        logits = [read(name, variables, image).logits for name, variables in self.classifiers.items()]
        return most_likely(labels.pool(logits, self.schema.value_counts), self.schema)

    def edit(self, image, source, target, region: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(edited like image, mask float32 [B, H, W, 1] in [0, 1]).

        Args:
          image: to edit.
          source: int32 [B, A], the values that it has.
          target: int32 [B, A], the values that it should have; where it equals the source, nothing is asked for.
          region: index of an attribute; the change is kept to where it is seen, before or after.
        """
        generator = networks.build_generator(self.config)
        condition = labels.condition(source, target, self.schema.value_counts)
        seen = _seen(self.config, "amgan", image)
        edited, mask = apply(generator, {"params": self._generator}, seen, condition)
        if seen is not image:
            change, mask = (_resize(x, image.shape[1:3]) for x in (edited - seen, mask))
            edited = np.clip(image + change, -1.0, 1.0)
        edited, mask = jax.device_get((edited, mask))
        if region is not None:
            kept = np.maximum(self.attention(image, source), self.attention(edited, target))[..., region, None]
            edited, mask = image + kept * (edited - image), kept * mask
        return edited, mask

    def attention(self, image, label) -> np.ndarray:
        """Where each attribute's value of a label int32 [B, A] is seen: float32 [B, H, W, A] in [0, 1]."""
        variables = self.classifiers["attention"]
        feature = apply_classifier(self.config, self.schema, "attention", variables, image).features[-1]
        size = image.shape[1:3]
        return jax.device_get(attention_lib.activation_maps(variables, feature, label, self.schema.value_counts, size))


def apply_classifier(config, schema: Schema, name: str, variables, image) -> attention_lib.Classification:
    """What the classifier of a name makes of images float32 [B, H, W, 3] in [-1, 1], of any size."""
    return apply(networks.build_classifier(config, name, schema), variables, _seen(config, name, image))


def most_likely(logits_BxV, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """(label int32 [B, A], confidence float32 [B, A] in [0, 1]) of logits."""
    return jax.device_get(labels.most_likely(logits_BxV, schema.value_counts))


def _seen(config, name, image):
    """The image at a network's size."""
    size = networks.image_size(config, name)
    return image if image.shape[1:3] == size else _resize(image, size)


@functools.partial(jax.jit, static_argnums=1)
def _resize(image_BxHxWxC, size):
    shape = (image_BxHxWxC.shape[0], *size, image_BxHxWxC.shape[-1])
    return jax.image.resize(image_BxHxWxC, shape, "linear", antialias=True)


# A module is a static argument, so that all editors of one config share what is compiled.
@functools.partial(jax.jit, static_argnums=0)
def apply(network, variables, *inputs):
    """What a network returns for inputs."""
    return network.apply(variables, *inputs)


def load(workdir: pathlib.Path) -> Editor:
    """The editor of a trained workdir.

    Raises:
      UserError: it is not a workdir, or not trained yet.
    """
    config, schema = workdir_lib.load(workdir)
    classifiers = {}
    for name in networks.CLASSIFIERS:
        shapes = jax.eval_shape(functools.partial(state.init_classifier, config, name, schema))
        classifiers[name] = checkpoints.restore(workdir / name, shapes).variables
    amgan = checkpoints.restore(workdir / "amgan", jax.eval_shape(lambda: state.init_amgan(config, schema)))
    return Editor(config, schema, amgan.ema, classifiers)
