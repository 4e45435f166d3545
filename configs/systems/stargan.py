"""StarGAN, Choi et al. 2018, eq. 6 and 7: cycle 10, attributes 1; no mask, no region, no loss against the reference."""

from amgan_jax.configs import systems


def _switch(config):
    systems.drop_parts(config)
    config.generator.mask = "none"


SYSTEMS = {"stargan": systems.System(_switch, chosen=("double_attributes",), baseline=True)}
