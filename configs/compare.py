"""AMGAN, what it is compared with, and AMGAN without each of its parts, on rendered garments.

python -m amgan_jax.main --config=configs/compare.py:stargan --workdir=DIR
python benchmarks/compare.py --workdir=DIR    # all of them, with a table

All are one training step with parts switched on and off, on the same backbone, the same data and the same
evaluator, so that a comparison differs in nothing else. They start from quickstart's settings, and from the
weights that each system's paper recommends for its losses, named below. Then comes what a search on validation
garments, through the same variants of all systems, found to be better (CHOSEN). stargan_published is as in its
paper, and so are the others with that variant.
"""

import functools

from amgan_jax.configs import quickstart
from amgan_jax.errors import UserError


def get_config(system: str = "amgan"):
    """The config of a system, or of a variant as in "stargan_twice"; UserError for other names."""
    config = quickstart.get_config()
    config.amgan.num_steps = 1000
    config.generator_optimizer.decay_steps = 500
    config.checkpoint_steps = config.sample_steps = 500
    config.edit.in_turn = ()
    config.evaluate.measures = ("edits", "edits_by_count", "counterfactual")
    config.evaluate.during = {"edits": 250}  # whether the curve has flattened
    return switch(config, system, CHOSEN)


def switch(config, system: str, chosen):
    """Switches a config's parts to those of a system, see `get_config`, with its chosen variants."""
    name, variants = system, []
    while variant := next((v for v in VARIANTS if name.endswith(f"_{v}")), None):
        name, variants = name.removesuffix(f"_{variant}"), [variant, *variants]
    if name not in SYSTEMS:
        raise UserError(f"unknown system {system!r}: {', '.join(SYSTEMS)}, then _{', _'.join(VARIANTS)}")
    SYSTEMS[name](config)
    if not {"plain", "published"} & set(variants):
        variants = [*chosen.get(name, ()), *variants]
    for variant in variants:
        VARIANTS[variant](config)
    return config


def _plain(config):
    """Without what was chosen for the system."""


def _twice(config):
    """Twice the updates."""
    config.amgan.num_steps *= 2
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.decay_steps *= 2


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


def _real_heads(config):
    """Attribute heads that learn from real images only, as in the baselines' papers."""
    config.discriminator_loss.source_attributes = 0.0


def _double_attributes(config):
    """Twice the weight of the values that the discriminators should read."""
    config.generator_loss.global_attributes *= 2
    config.generator_loss.regional_attributes *= 2


def _amgan(config):
    """All parts, as the config has them."""


def _stargan(config):
    """Choi et al. 2018, eq. 6 and 7: cycle 10, attributes 1; no mask, no region, no loss against the reference."""
    _no_parts_of_amgan(config)
    config.generator.mask = "none"


def _ganimation(config):
    """Pumarola et al. 2018, eq. 2 to 5: a mask that is small (0.1) and smooth.

    Their smoothness is a sum over pixels at weight 1e-5; here it is a mean. Values are classified, as in
    StarGAN, where GANimation regresses the strengths of its action units.
    """
    _no_parts_of_amgan(config)
    config.generator.mask = "head"
    config.generator_loss.mask_size = 0.1
    config.generator_loss.mask_variation = 1e-5 * config.height * config.width


def _sagan(config):
    """Zhang et al. 2018 (SaGAN): a network of its own for the mask, cycle 20, identity 100.

    Both networks are narrower than the others' one, so that all generators have about as many parameters.
    """
    _no_parts_of_amgan(config)
    config.generator.mask = "network"
    config.generator.width = round(config.generator.width * 0.7)
    config.generator_loss.cycle = 20.0
    config.generator_loss.identity = 100.0


def _no_parts_of_amgan(config):
    _no_regional(config)
    _no_attention(config)
    _no_perceptual(config)


def _no_regional(config):
    config.amgan.regional = False


def _no_attention(config):
    config.generator_loss.attention = config.generator_loss.outside = 0.0  # both know of the region


def _no_perceptual(config):
    config.generator_loss.perceptual = 0.0


SYSTEMS = {
    "amgan": _amgan,
    "stargan": _stargan,
    "ganimation": _ganimation,
    "sagan": _sagan,
    "no_regional": _no_regional,
    "no_attention": _no_attention,
    "no_perceptual": _no_perceptual,
}

# By docs/history/search.md; stargan_plain goes without, and so does stargan_plain_half_rate.
CHOSEN = {
    "amgan": ("plain_score",),
    "stargan": ("double_attributes",),
    "ganimation": ("plain_score",),
    "sagan": ("half_rate",),
}
CHOSEN |= {name: CHOSEN["amgan"] for name in SYSTEMS if name.startswith("no_")}  # AMGAN, but for a part

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
