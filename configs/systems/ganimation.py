"""GANimation, Pumarola et al. 2018, eq. 2 to 5: a mask that is small (0.1) and smooth.

Their smoothness is a sum over pixels at weight 1e-5; here it is a mean. Values are classified, as in
StarGAN, where GANimation regresses the strengths of its action units.
"""

from amgan_jax.configs import systems


def _switch(config):
    systems.drop_parts(config)
    config.generator.mask = "head"
    config.generator_loss.mask_size = 0.1
    config.generator_loss.mask_variation = 1e-5 * config.height * config.width


SYSTEMS = {"ganimation": systems.System(_switch, chosen=("plain_score",), baseline=True)}
