"""AMGAN, with all parts as the config has them, and without each of them."""

from amgan_jax.configs import systems

_CHOSEN = ("plain_score",)  # for AMGAN, and so for AMGAN but for a part


def _keep_all(config):
    """All parts, as the config has them."""


SYSTEMS = {
    "amgan": systems.System(_keep_all, _CHOSEN),
    "no_regional": systems.System(systems.drop_regional, _CHOSEN),
    "no_attention": systems.System(systems.drop_attention, _CHOSEN),
    "no_perceptual": systems.System(systems.drop_perceptual, _CHOSEN),
}
