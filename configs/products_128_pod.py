"""products_128 on a slice of a TPU pod of 2 x 4 chips, eight examples a chip.

See docs/tpu.md.
"""

from amgan_jax.configs import products_128


def get_config():
    config = products_128.get_config()
    config.amgan.batch_size = 64  # over all devices; a larger slice takes more
    config.amgan.num_steps = 40_000  # a batch is four times that of one chip
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.learning_rate = 2e-4
    return config
