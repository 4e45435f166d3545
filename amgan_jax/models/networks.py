"""The networks and optimizers that a config asks for."""

import copy
import dataclasses
import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from amgan_jax.errors import UserError, check_known
from amgan_jax.models import classifiers, discriminator, efficientnet, foreground, generator
from amgan_jax.schema import Schema
from amgan_jax.types import Config
from amgan_jax.workdir import section_of

GLOBAL, REGIONAL = "global", "regional"  # the discriminators' names in parameter trees and metrics
SHARED_MASKS = ("head", "network", "none")  # of generators with one mask for all attributes
_MASKS = ("attributes", *SHARED_MASKS)
_WHOLE_MASKS = ("foreground", "head")
_ARCHITECTURES = {
    "resnet": classifiers.ResNet,
    "plain": classifiers.PlainConvNet,
    **efficientnet.ARCHITECTURES,
}
_SHARED = {"value_counts", "dtype", "axis_name", "parent", "name"}  # what every classifier takes


class Length(NamedTuple):
    """Of a training, in steps: all, and those of the warm-up at the start."""

    num_steps: int
    warmup_steps: int


def classifier_length(config: Config, name: str, images: int) -> Length:
    """How long the attention network or the evaluator is trained, on so many training images."""
    section = config[name]
    steps = functools.partial(_epochs_to_steps, images=images, batch_size=section.batch_size)
    return Length(max(1, steps(section.epochs)), steps(section.warmup_epochs))


def _epochs_to_steps(epochs, images, batch_size):
    return round(epochs * images / batch_size)


def amgan_length(config: Config) -> Length:
    """How long AMGAN is trained."""
    return Length(config.amgan.num_steps, config.amgan.warmup_steps)


def build_generator(config: Config, schema: Schema) -> generator.Generator:
    """The generator; UserError where config.generator.mask or config.amgan.whole_mask is none that there is."""
    check_known("generator.mask", config.generator.mask, _MASKS)
    check_known("amgan.whole_mask", config.amgan.whole_mask, _WHOLE_MASKS)
    covered = whole(config, schema) if paints_foreground(config) else (False,) * len(schema.attributes)
    knobs = _knobs(config.generator)
    knobs["sees_foreground"] = sees_foreground(config)
    return generator.Generator(**knobs, whole=covered, dtype=jnp.dtype(config.dtype))


def build_discriminator(config: Config, schema: Schema) -> discriminator.Discriminator:
    """The module of both discriminators; each has parameters of its own."""
    knobs = _knobs(config.discriminator)
    del knobs["stages"]
    return discriminator.Discriminator(**knobs, value_count=sum(schema.value_counts), dtype=jnp.dtype(config.dtype))


def _knobs(section: Config) -> dict[str, Any]:
    """A section's values for a module, which can be hashed only if they can: lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in section.items()}


def discriminator_view_shape(config: Config) -> tuple[int, int, int]:
    """(height, width, channels) of what the discriminators look at.

    Raises:
      UserError: config.discriminator.stages names a stage that the attention network does not have.
    """
    shape = (config.height, config.width, 3)
    if not config.discriminator.stages:
        return shape
    knobs = _knobs(knobs_of(config, "attention"))
    network = classifier_type(config, "attention")(**knobs, value_counts=(1,))  # of any head
    output, _ = jax.eval_shape(lambda: network.init_with_output(jax.random.key(0), jnp.zeros((1, *shape))))
    for stage in config.discriminator.stages:
        if not 0 <= stage < len(output.feature_maps):
            raise UserError(
                f"discriminator.stages={config.discriminator.stages}: the attention network has stages 0 to"
                f" {len(output.feature_maps) - 1}"
            )
    stack = functools.partial(classifiers.stack, stages=config.discriminator.stages)
    return jax.eval_shape(stack, output.feature_maps).shape[1:]


def build_classifier(config: Config, name: str, schema: Schema, axis_name: str | None = None) -> nn.Module:
    """The attention network (name "attention") or the evaluator (name "evaluator")."""
    dtype = jnp.dtype(config.dtype)
    network = classifier_type(config, name)(
        **_knobs(knobs_of(config, name)), value_counts=schema.value_counts, dtype=dtype, axis_name=axis_name
    )
    return foreground.WithForeground(network, dtype, axis_name) if learns_foreground(config, name) else network


def without_head(network: nn.Module) -> nn.Module:
    """A network of `build_classifier` without the foreground head, for the same variables."""
    return network.classifier if isinstance(network, foreground.WithForeground) else network


def learns_foreground(config: Config, name: str) -> bool:
    """Whether a classifier has a foreground head."""
    return name == "attention" and config.attention.foreground > 0.0


def settle_foreground(config: Config, has_foreground: bool) -> Config:
    """The config without a foreground head where the dataset has nothing that it could learn from."""
    if has_foreground or not learns_foreground(config, "attention"):
        return config
    settled = copy.deepcopy(config)
    settled.attention.foreground = 0.0
    return settled


def paints_foreground(config: Config) -> bool:
    """Whether edits of attributes of the whole garment paint all of the foreground, and nothing else."""
    asked = config.amgan.whole_mask == "foreground" and bool(config.amgan.whole)
    return asked and learns_foreground(config, "attention") and config.generator.mask == "attributes"


def sees_foreground(config: Config) -> bool:
    """Whether the generator looks at the foreground."""
    return config.generator.sees_foreground and learns_foreground(config, "attention")


def whole(config: Config, schema: Schema) -> tuple[bool, ...]:
    """Which attributes are of the whole garment; UserError where config.amgan.whole names one that there is not."""
    return _named(config, "whole", schema)


def recolors(config: Config, schema: Schema) -> tuple[bool, ...]:
    """Which attributes recolor a garment; UserError where config.amgan.recolors names one that there is not."""
    return _named(config, "recolors", schema)


def _named(config, key, schema):
    for name in config.amgan[key]:
        check_known(f"attribute in amgan.{key}", name, schema.names)
    named = {schema.index(name) for name in config.amgan[key]}
    return tuple(a in named for a in range(len(schema.attributes)))


def classifier_type(config: Config, name: str) -> type[nn.Module]:
    """The module that a classifier's architecture names.

    Raises:
      UserError: there is none of that name, or its section does not have the knobs that it takes.
    """
    architecture = config[name].architecture
    if architecture not in _ARCHITECTURES:
        raise UserError(f"unknown {name}.architecture={architecture}: {', '.join(_ARCHITECTURES)}")
    module, given = _ARCHITECTURES[architecture], set(knobs_of(config, name))
    wanted = {field.name for field in dataclasses.fields(module)} - _SHARED
    if given != wanted:
        raise UserError(
            f"{name}.{section_of(architecture)} has {', '.join(sorted(given))}, but {architecture} takes"
            f" {', '.join(sorted(wanted))}"
        )
    return module


def knobs_of(config: Config, name: str) -> Config:
    """The knobs of a classifier's architecture; those of its other sections are without effect."""
    return config[name].get(section_of(config[name].architecture), {})


def image_size(config: Config, name: str) -> tuple[int, int]:
    """(height, width) of the images that "attention", "evaluator" or "amgan" sees."""
    scale = config.evaluator.scale if name == "evaluator" else 1
    return scale * config.height, scale * config.width


def build_optimizer(config: Config, length: Length, repeats: int = 1) -> optax.GradientTransformation:
    """AdamW with a linear warm-up at the start and a linear decay to zero at the end of training.

    Args:
      config: learning_rate, b1, b2, weight_decay, and decay, the share of the training, in [0, 1], over whose end
        the rate falls; after the warm-up, if that is longer than what the decay leaves.
      length: of the training.
      repeats: updates in each step.
    """
    rate, warmup = config.learning_rate, length.warmup_steps
    decay_start = max(warmup, length.num_steps - round(config.decay * length.num_steps))
    schedule = optax.join_schedules(
        [
            optax.linear_schedule(rate / max(1, warmup), rate, max(1, warmup)),
            optax.constant_schedule(rate),
            optax.linear_schedule(rate, 0.0, max(1, length.num_steps - decay_start)),
        ],
        [warmup, decay_start],
    )
    return optax.adamw(
        lambda count: schedule(jnp.floor_divide(count, repeats)),
        b1=config.b1,
        b2=config.b2,
        weight_decay=config.weight_decay,
    )
