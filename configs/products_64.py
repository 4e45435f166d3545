"""AMGAN on catalogue photos of 64 x 48 pixels, for one accelerator.

python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_64.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.height, config.width = 64, 48
    for classifier in (config.attention, config.evaluator):
        classifier.batch_size = 32  # for as many images, more updates than with 64
        classifier.warmup_epochs = 0.9
    config.evaluator.epochs = 18.0
    config.attention.optimizer.decay = 0.73
    config.evaluator.optimizer.decay = 0.6
    config.evaluator.scale = 2  # it judges photos of 128 x 96 pixels, as people would
    config.attention.resnet.strides = (1, 2, 1)  # maps of 16 x 12, which still find collars
    config.generator.width = 32
    config.generator.first_kernel = config.generator.head_kernel = 3
    config.discriminator.width = 32
    config.discriminator.layers = 4
    return config
