"""AMGAN on rendered garments of 32 x 32 pixels, in under 15 minutes of training on two CPU cores.

python -m amgan_jax.main --config=configs/quickstart.py --workdir=/tmp/quickstart
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import default
from amgan_jax.errors import check_known


def get_config(size: str = "32") -> ConfigDict:
    """The config at 32 x 32 pixels, or at 64 x 64 and for longer (synthetic_64_cpu.py); UserError for other sizes."""
    check_known("size", size, ("32", "64"))
    config = _of_32()
    if size == "64":
        _enlarge(config)
    return config


def _of_32():
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
    config.attention.epochs = 6.4  # 400 updates
    config.evaluator.epochs = 5.12  # 320
    for classifier in (config.attention, config.evaluator):
        classifier.warmup_epochs = 0.64
        classifier.optimizer.learning_rate = 3e-3
    config.attention.optimizer.decay = 0.5
    config.evaluator.optimizer.decay = 0.78
    config.attention.foreground = 0.0
    config.attention.resnet.widths = (24, 48, 64)
    config.attention.resnet.strides = (1, 1, 1)  # activation maps of 16 x 16
    config.evaluator.plain.widths = (24, 48, 64)
    config.evaluator.plain.hidden = 128
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
    config.generator_optimizer.decay = 0.5
    config.discriminator_optimizer.decay = 1 / 60  # they learn to the end, see docs/recipe.md
    config.log_steps = 50
    config.checkpoint_steps = 500
    config.sample_steps = 1000
    config.evaluate.measures += ("counterfactual", "full_size")
    config.evaluate.during.edits = 0  # which would take a tenth of the time
    return config


def _enlarge(config):
    config.height = config.width = 64
    config.data.builder.height = config.data.builder.width = 64
    config.data.builder.train = 8000
    config.data.builder.test = 1000
    config.attention.epochs = 3.2  # 400 updates
    config.evaluator.epochs = 2.56  # 320
    config.attention.warmup_epochs = config.evaluator.warmup_epochs = 0.32
    config.attention.resnet.strides = (1, 2, 1)  # activation maps of 16 x 16, at this size too
    config.amgan.num_steps = 3000
    config.amgan.ema_decay = 0.999
    config.generator.blocks = 4  # to see as far, in relation to the garment
    config.discriminator.layers = 5
    config.generator_optimizer.learning_rate = 2e-3
    config.discriminator_optimizer.learning_rate = 1e-3
    config.generator_optimizer.decay = 0.6
    config.evaluate.during = {"edits": 1000, "counterfactual": 1000}
