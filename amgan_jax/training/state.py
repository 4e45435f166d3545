"""Everything that changes in training, and how it starts."""

from flax import struct
import jax
import jax.numpy as jnp
import optax

from amgan_jax.models import networks
from amgan_jax.schema import Schema
from amgan_jax.types import Config, Tree


class ClassifierState(struct.PyTreeNode):
    """State of the training of the attention network or of the evaluator.

    variables: {"params", "batch_stats"}.
    """

    step: jax.Array
    variables: Tree
    optimizer: optax.OptState


class TrainState(struct.PyTreeNode):
    """State of AMGAN's training.

    generator, discriminators: parameters; the latter by name.
    ema: exponential moving average of the generator's parameters: what evaluation and editing use.
    """

    step: jax.Array
    generator: Tree
    discriminators: dict[str, Tree]
    ema: Tree
    generator_optimizer: optax.OptState
    discriminator_optimizer: optax.OptState


def init_classifier(config: Config, name: str, schema: Schema) -> ClassifierState:
    """Fresh state of the attention network or the evaluator, each with a seed of its own."""
    network = networks.build_classifier(config, name, schema)
    variables = network.init(jax.random.key(config[name].seed), _blank_image(config))
    optimizer = networks.build_optimizer(config[name].optimizer, networks.Length(1, 0))  # of any length: its state
    return ClassifierState(jnp.zeros((), jnp.int32), variables, optimizer.init(variables["params"]))


def init_amgan(config: Config, schema: Schema) -> TrainState:
    """Fresh state of AMGAN."""
    generator_key, global_key, regional_key = jax.random.split(jax.random.key(config.seed), 3)
    keys = {networks.GLOBAL: global_key} | ({networks.REGIONAL: regional_key} if config.amgan.regional else {})
    values = jnp.zeros((1, sum(schema.value_counts)))
    generator = init_generator(config, schema, generator_key)
    discriminator = networks.build_discriminator(config, schema)
    view = jnp.zeros((1, *networks.discriminator_view_shape(config)))
    discriminators = {name: discriminator.init(key, view, values)["params"] for name, key in keys.items()}
    length, repeats = networks.amgan_length(config), config.amgan.n_critic
    generator_optimizer = networks.build_optimizer(config.generator_optimizer, length)
    discriminator_optimizer = networks.build_optimizer(config.discriminator_optimizer, length, repeats)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        generator=generator,
        discriminators=discriminators,
        ema=jax.tree.map(jnp.copy, generator),
        generator_optimizer=generator_optimizer.init(generator),
        discriminator_optimizer=discriminator_optimizer.init(discriminators),
    )


def init_generator(config: Config, schema: Schema, key: jax.Array) -> Tree:
    """Fresh parameters of the generator."""
    condition = jnp.zeros((1, len(config.amgan.condition) * sum(schema.value_counts)))  # see encoding.condition
    changed = jnp.zeros((1, len(schema.attributes)))
    return networks.build_generator(config, schema).init(key, _blank_image(config), condition, changed)["params"]


def _blank_image(config):
    return jnp.zeros((1, config.height, config.width, 3))
