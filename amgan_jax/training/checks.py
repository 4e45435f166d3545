"""Whether a config can be trained: what it says wrong is found before hours are spent."""

import functools

import numpy as np

from amgan_jax import encoding
from amgan_jax.errors import UserError
from amgan_jax.models import efficientnet, networks
from amgan_jax.training import parallel
from amgan_jax.types import Config
from amgan_jax.workdir import CLASSIFIERS, section_of

_SEEDS = 2**63  # how many JAX takes

_COUNTS = (  # what should be 1 or more
    "log_steps",
    "checkpoint_steps",
    "sample_steps",
    "sample_images",
    "evaluate.batch_size",
    "evaluate.validation_images",
    "evaluator.scale",
    "amgan.num_steps",
    "amgan.n_critic",
    "amgan.cycle_every",
    "generator.width",
    "generator.first_kernel",
    "generator.head_kernel",
    "discriminator.width",
    "discriminator.layers",
)
_OPTIMIZERS = ("attention.optimizer", "evaluator.optimizer", "generator_optimizer", "discriminator_optimizer")
_SHARES = {"data.crop": 0.99, "amgan.crop": 0.99, "data.single": 1.0, "data.balance": 1.0, "amgan.ema_decay": 1.0}
_FROM_ZERO = ("amgan.warmup_steps", "attention.foreground", *(f"{name}.warmup_epochs" for name in CLASSIFIERS))


def check_config(config: Config) -> None:
    """Raises UserError for a config that cannot be trained on any devices."""
    _check_ranges(config)
    parts = config.amgan.condition
    if not parts or len(set(parts)) < len(parts) or not set(parts) <= set(encoding.CONDITION_PARTS):
        raise UserError(f"amgan.condition={parts}: {', '.join(encoding.CONDITION_PARTS)}, or one of them")
    if config.generator_loss.attention and config.generator.mask in networks.SHARED_MASKS:
        raise UserError(f"generator.mask={config.generator.mask}: generator_loss.attention needs attributes")
    if config.generator_loss.recolor and not config.amgan.recolors:
        raise UserError(f"generator_loss.recolor={config.generator_loss.recolor}: name attributes in amgan.recolors")
    if config.dtype not in ("float32", "bfloat16"):
        raise UserError(f"dtype={config.dtype}: float32 or bfloat16")
    for name in CLASSIFIERS:
        _check_classifier(config, name)
    for name in ("height", "width"):
        if config[name] < 4 or config[name] % 4:
            raise UserError(f"{name}={config[name]}: the generator needs a multiple of 4")
    _check_discriminators(config)
    if config.sample_images > config.evaluate.batch_size:
        raise UserError(
            f"sample_images={config.sample_images}: at most evaluate.batch_size={config.evaluate.batch_size}"
        )
    for name, interval in config.evaluate.during.items():
        if interval < 0:
            raise UserError(f"evaluate.during.{name}={interval}: 1 or more, or 0 for never")


def _check_ranges(config):
    """Raises UserError for a number that is too small or too large by itself."""
    for name in ("seed", "attention.seed", "evaluator.seed", "evaluate.seed"):
        if not 0 <= _value(config, name) < _SEEDS:
            raise UserError(f"{name}={_value(config, name)}: 0 to {_SEEDS - 1}")
    if config.data.threads < 0:
        raise UserError(f"data.threads={config.data.threads}: 1 or more, or 0 for as many as there are cores")
    for name in _COUNTS:
        if _value(config, name) < 1:
            raise UserError(f"{name} should be at least 1")
    for name, largest in _SHARES.items():
        if not 0.0 <= _value(config, name) <= largest:
            raise UserError(f"{name}={_value(config, name)}: 0 to {largest:g}")
    for name in _FROM_ZERO:
        if _value(config, name) < 0:
            raise UserError(f"{name}={_value(config, name)}: 0 or more")
    for name in _OPTIMIZERS:
        _check_optimizer(_value(config, name), name)


def _check_optimizer(config, name):
    """Raises UserError for knobs of an optimizer that make no sense."""
    for knob in ("learning_rate", "weight_decay"):
        if config[knob] < 0:
            raise UserError(f"{name}.{knob}={config[knob]}: 0 or more")
    for knob in ("b1", "b2"):
        if not 0.0 <= config[knob] < 1.0:
            raise UserError(f"{name}.{knob}={config[knob]}: 0 or more, and below 1")
    if not 0.0 <= config.decay <= 1.0:
        raise UserError(f"{name}.decay={config.decay}: 0 to 1")


def _value(config, name):
    """What stands under a dotted name."""
    return functools.reduce(lambda node, key: node[key], name.split("."), config)


def check_devices(config: Config) -> None:
    """Raises UserError for batches that cannot be divided over the devices that there are.

    Neighbours that are mixed, and examples that the cycle loss leaves out, must be on one device: else
    the update would depend on the number of devices.
    """
    for name, group in (
        ("attention", 2 if config.attention.mixup else 1),
        ("evaluator", 2 if config.evaluator.mixup else 1),
        ("amgan", config.amgan.cycle_every),
    ):
        parallel.check_batch_size(name, config[name].batch_size, group)


def _check_discriminators(config):
    """Raises UserError for discriminators that cannot be built."""
    height, width, _ = networks.discriminator_view_shape(config)
    smallest = 2**config.discriminator.layers
    if height % smallest or width % smallest:
        raise UserError(
            f"discriminator.layers={config.discriminator.layers}: {height} x {width} pixels cannot be halved that often"
        )


def _check_classifier(config, name):
    """Raises UserError for a classifier that cannot be built or trained."""
    architecture, backbones = config[name].architecture, ", ".join(efficientnet.ARCHITECTURES)
    if name == "attention" and architecture == "plain":
        raise UserError(f"attention.architecture=plain has no activation maps: resnet, {backbones}")
    networks.classifier_type(config, name)
    if config[name].epochs <= 0:
        raise UserError(f"{name}.epochs={config[name].epochs}: more than 0")
    if config[name].mixup < 0:
        raise UserError(f"{name}.mixup={config[name].mixup}: 0 or more")
    network, section = networks.knobs_of(config, name), f"{name}.{section_of(architecture)}"
    for knob, value in network.items():
        if not all(number >= 1 for number in np.ravel(value)):
            raise UserError(f"{section}.{knob}={value}: 1 or more")
    if architecture == "plain" and min(networks.image_size(config, name)) < 2 ** len(network.widths):
        height, width = networks.image_size(config, name)
        raise UserError(
            f"{section}: {height} x {width} pixels cannot be halved {len(network.widths)} times, once a width"
        )
    if architecture == "resnet" and len(network.widths) != len(network.strides):
        raise UserError(f"{section}: {len(network.widths)} widths but {len(network.strides)} strides")
    if architecture in efficientnet.ARCHITECTURES and network.output_stride not in efficientnet.OUTPUT_STRIDES:
        valid = ", ".join(map(str, efficientnet.OUTPUT_STRIDES))
        raise UserError(f"{section}.output_stride={network.output_stride}: {valid}")
    if config[name].pretrained and architecture not in efficientnet.ARCHITECTURES:
        raise UserError(
            f"{name}.pretrained: there are no weights of a {architecture}; set it to False,"
            f" or {name}.architecture to one of {backbones}"
        )
