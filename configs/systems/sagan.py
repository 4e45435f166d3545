"""SaGAN, Zhang et al. 2018: a network of its own for the mask, cycle 20, identity 100.

Both networks are narrower than the others' one, so that all generators have about as many parameters.
"""

from amgan_jax.configs import systems


def _switch(config):
    systems.drop_parts(config)
    config.generator.mask = "network"
    config.generator.width = round(config.generator.width * 0.7)
    config.generator_loss.cycle = 20.0
    config.generator_loss.identity = 100.0


SYSTEMS = {"sagan": systems.System(_switch, chosen=("half_rate",), baseline=True)}
