"""The smallest thing that trains, for tests: seconds, and no result to speak of."""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import quickstart


def get_config() -> ConfigDict:
    config = quickstart.get_config()
    config.data.builder.train = 64
    config.data.builder.validation = 16
    config.data.builder.test = 24
    for classifier in (config.attention, config.evaluator):
        classifier.batch_size = 16
        classifier.epochs = 2.0
        classifier.warmup_epochs = 10.0  # they never come to their full rate
    config.attention.resnet.widths = (8, 8, 8)
    config.evaluator.plain.widths = (8, 8)
    config.evaluator.plain.hidden = 16
    config.amgan.batch_size = 4
    config.amgan.num_steps = 8
    config.amgan.cycle_every = 1  # tests train on as many devices as there are examples
    config.generator.width = 4
    config.generator.blocks = 1
    config.discriminator.width = 4
    config.log_steps = 2
    config.checkpoint_steps = 4
    config.sample_steps = 4
    config.sample_images = 2
    config.evaluate.batch_size = 16
    # Large renders take most of the time.
    config.evaluate.measures = tuple(name for name in config.evaluate.measures if name != "full_size")
    return config
