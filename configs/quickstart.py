"""AMGAN on rendered garments of 32 x 32 pixels, in under 15 minutes of training on two CPU cores.

python -m amgan_jax.main --config=configs/quickstart.py --workdir=/tmp/quickstart
"""

from amgan_jax.configs import default


def get_config():
    config = default.get_config()
    config.dtype = "float32"  # CPUs have no fast bfloat16
    config.height = config.width = 32
    config.data.dataset = "synthetic_garments"
    config.data.builder.height = config.data.builder.width = 32
    config.data.builder.train = 4000
    config.data.builder.validation = 256
    config.data.builder.test = 512
    config.data.build = True
    config.data.crop = 0.0
    config.attention.num_steps = 400
    config.evaluator.num_steps = 320
    for classifier in (config.attention, config.evaluator):
        classifier.optimizer.learning_rate = 3e-3
        classifier.optimizer.warmup_steps = 40
        classifier.optimizer.decay_steps = 200
    config.evaluator.optimizer.decay_steps = 250
    config.attention.network.widths = (24, 48, 64)
    config.attention.network.strides = (1, 1, 1)  # activation maps of 16 x 16
    config.attention.network.stem_stride = 2
    config.evaluator.network.widths = (24, 48, 64)
    config.evaluator.network.hidden = 128
    config.amgan.batch_size = 8  # more updates for the time
    config.amgan.num_steps = 3000
    config.amgan.cycle_every = 2
    config.amgan.ema_decay = 0.99
    config.generator.width = 24
    config.generator.blocks = 2
    config.generator.first_kernel = config.generator.head_kernel = 3
    config.discriminator.width = 32
    config.discriminator.layers = 4
    config.discriminator.projection = True
    config.discriminator_loss.penalty = 2.0
    config.generator_optimizer.learning_rate = 4e-3
    config.discriminator_optimizer.learning_rate = 2e-3
    config.generator_optimizer.decay_steps = 1500
    config.discriminator_optimizer.decay_steps = 50  # they learn to the end, see docs/recipe.md
    config.log_steps = 50
    config.checkpoint_steps = 500
    config.sample_steps = 1000
    config.evaluate.measures += ("counterfactual", "full_size")
    config.evaluate.during.edits = 0  # which would take a tenth of the time
    return config
