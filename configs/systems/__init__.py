"""AMGAN, its baselines and AMGAN without each of its parts: one training step with parts switched on and off.

A system is found by name in the files of this folder, and of a folder configs/systems of your own: each has
SYSTEMS, a dict of System by name.
"""

from collections.abc import Callable
import dataclasses
import functools
import importlib
import pathlib
import pkgutil

from ml_collections.config_dict import ConfigDict

from amgan_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class System:
    """What sets a system apart.

    switch: changes a config of AMGAN to one of the system.
    chosen: variants that the search on rendered garments chose for it (docs/history/search.md); stargan_plain goes
      without, and so does stargan_plain_half_rate.
    baseline: whether AMGAN is compared with it, and it is no AMGAN without a part.
    """

    switch: Callable
    chosen: tuple[str, ...] = ()
    baseline: bool = False


def find() -> dict[str, System]:
    """All systems by name, in the order of their files' names."""
    own = pathlib.Path("configs", "systems").resolve()
    if own.is_dir() and str(own) not in __path__:
        __path__.append(str(own))
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return {name: system for module in modules for name, system in module.SYSTEMS.items()}


def switch(config: ConfigDict, name: str, chosen: bool) -> ConfigDict:
    """Switches a config's parts to those of a system, and gives it back.

    Args:
      config: of AMGAN with all its parts.
      name: of a system, then any of VARIANTS, as in "stargan_twice".
      chosen: whether what the search on rendered garments chose for the system comes first.

    Raises:
      UserError: there is no such system.
    """
    systems, base, variants = find(), name, []
    while variant := next((v for v in VARIANTS if base.endswith(f"_{v}") and base not in systems), None):
        base, variants = base.removesuffix(f"_{variant}"), [variant, *variants]
    if base not in systems:
        raise UserError(f"unknown system {name!r}: {', '.join(systems)}, then _{', _'.join(VARIANTS)}")
    systems[base].switch(config)
    if chosen and not {"plain", "published"} & set(variants):
        variants = [*systems[base].chosen, *variants]
    for variant in variants:
        VARIANTS[variant](config)
    return config


def drop_parts(config):
    """Leaves out all that AMGAN has and its baselines do not."""
    drop_regional(config)
    drop_attention(config)
    drop_perceptual(config)
    config.generator.sees_foreground = False


def drop_regional(config):
    """Leaves the regional discriminator out."""
    config.amgan.regional = False


def drop_attention(config):
    """Leaves the losses out that know of an edit's region."""
    config.generator_loss.attention = config.generator_loss.outside = config.generator_loss.recolor = 0.0


def drop_perceptual(config):
    """Leaves the loss against the reference out."""
    config.generator_loss.perceptual = 0.0


def _plain(config):
    """Without what was chosen for the system."""


def _twice(config):
    """Twice the updates."""
    config.amgan.num_steps *= 2


def _scale_rates(config, factor):
    """Other learning rates."""
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate *= factor


def _plain_score(config):
    """Discriminators' score as in all these papers: no projection, a gradient penalty of 10."""
    config.discriminator.projection = False
    config.discriminator_loss.penalty = 10.0


def _published(config):
    """Each system as in its own paper: nothing of ours that helps all of them, and nothing that a search chose."""
    _plain_score(config)
    _real_heads(config)
    config.amgan.condition = ("target",)
    config.generator.sees_foreground = False


def _real_heads(config):
    """Attribute heads that learn from real images only, as in the baselines' papers."""
    config.discriminator_loss.source_attributes = 0.0


def _double_attributes(config):
    """Twice the weight of the values that the discriminators should read."""
    config.generator_loss.global_attributes *= 2
    config.generator_loss.regional_attributes *= 2


VARIANTS = {
    "plain": _plain,
    "published": _published,
    "plain_score": _plain_score,
    "twice": _twice,
    "half_rate": functools.partial(_scale_rates, factor=0.5),
    "double_rate": functools.partial(_scale_rates, factor=2.0),
    "double_attributes": _double_attributes,
    "real_heads": _real_heads,
}
