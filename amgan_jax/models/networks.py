"""The networks and optimizers that a config asks for."""

import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from amgan_jax.errors import UserError
from amgan_jax.models import classifiers, discriminator, efficientnet, generator
from amgan_jax.schema import Schema
from amgan_jax.types import Config

GLOBAL, REGIONAL = "global", "regional"  # the discriminators' names in parameter trees and metrics
SHARED_MASKS = ("head", "network", "none")  # of generators with one mask for all attributes
_MASKS = ("attributes", *SHARED_MASKS)
_ARCHITECTURES = {
    "resnet": classifiers.ResNet,
    "plain": classifiers.PlainConvNet,
    **efficientnet.ARCHITECTURES,
}
_SHARED = {"value_counts", "dtype", "axis_name", "parent", "name"}  # what every classifier takes


def build_generator(config: Config, schema: Schema) -> generator.Generator:
    """The generator; UserError where config.generator.mask is none that there is."""
    if config.generator.mask not in _MASKS:
        raise UserError(f"generator.mask={config.generator.mask}: {', '.join(_MASKS)}")
    return generator.Generator(
        **_knobs(config.generator), attributes=len(schema.attributes), dtype=jnp.dtype(config.dtype)
    )


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
    network = classifier_type(config, "attention")(**_knobs(config.attention.network), value_counts=(1,))  # of any head
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
    return classifier_type(config, name)(
        **_knobs(config[name].network),
        value_counts=schema.value_counts,
        dtype=jnp.dtype(config.dtype),
        axis_name=axis_name,
    )


def classifier_type(config: Config, name: str) -> type[nn.Module]:
    """The module that a classifier's architecture names.

    Raises:
      UserError: there is none of that name, or it does not take the config's network.
    """
    architecture, given = config[name].architecture, set(config[name].network)
    if architecture not in _ARCHITECTURES:
        raise UserError(f"unknown {name}.architecture={architecture}: {', '.join(_ARCHITECTURES)}")
    module = _ARCHITECTURES[architecture]
    wanted = {field.name for field in dataclasses.fields(module)} - _SHARED
    if given != wanted:
        raise UserError(
            f"{name}.network has {', '.join(sorted(given))}, but {architecture} takes {', '.join(sorted(wanted))}:"
            f" set config.{name}.network in a config file"
        )
    return module


def image_size(config: Config, name: str) -> tuple[int, int]:
    """(height, width) of the images that "attention", "evaluator" or "amgan" sees."""
    scale = config.evaluator.scale if name == "evaluator" else 1
    return scale * config.height, scale * config.width


def build_optimizer(config: Config, num_steps: int, repeats: int = 1) -> optax.GradientTransformation:
    """AdamW with a linear warm-up at the start and a linear decay to zero at the end of training.

    Args:
      config: learning_rate, b1, b2, weight_decay, warmup_steps, decay_steps; where the last two are more
        than num_steps, the decay starts after the warm-up.
      num_steps: steps in the whole training.
      repeats: updates in each step.
    """
    rate = config.learning_rate
    decay_start = max(config.warmup_steps, num_steps - config.decay_steps)
    schedule = optax.join_schedules(
        [
            optax.linear_schedule(rate / max(1, config.warmup_steps), rate, max(1, config.warmup_steps)),
            optax.constant_schedule(rate),
            optax.linear_schedule(rate, 0.0, max(1, num_steps - decay_start)),
        ],
        [config.warmup_steps, decay_start],
    )
    return optax.adamw(
        lambda count: schedule(jnp.floor_divide(count, repeats)),
        b1=config.b1,
        b2=config.b2,
        weight_decay=config.weight_decay,
    )
