"""synthetic_64 for a CPU core and an hour: quickstart at twice its size, and trained for longer.

python -m amgan_jax.main --config=configs/synthetic_64_cpu.py --workdir=DIR
"""

from amgan_jax.configs import quickstart


def get_config():
    config = quickstart.get_config()
    config.height = config.width = 64
    config.data.builder.height = config.data.builder.width = 64
    config.data.builder.train = 8000
    config.data.builder.test = 1000
    config.attention.network.strides = (1, 2, 1)  # activation maps of 16 x 16, at this size too
    config.amgan.num_steps = 3000
    config.amgan.ema_decay = 0.999
    config.generator.blocks = 4  # to see as far, in relation to the garment
    config.discriminator.layers = 5
    config.generator_optimizer.learning_rate = 2e-3
    config.discriminator_optimizer.learning_rate = 1e-3
    config.generator_optimizer.decay_steps = 1800
    config.evaluate.during = {"edits": 1000, "counterfactual": 1000}
    return config
