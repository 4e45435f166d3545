"""AMGAN on rendered garments of 64 x 64 pixels, for one accelerator.

python data/build.py --dataset=synthetic_garments --height=64 --width=64 --train=20000 --validation=500 --test=1000
python -m amgan_jax.main --config=configs/synthetic_64.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.height = config.width = 64
    config.data.dataset = "synthetic_garments"
    config.attention.foreground = 0.0
    config.data.builder.height = config.data.builder.width = 64
    config.data.builder.train = 20_000
    config.data.builder.validation = 500
    config.data.builder.test = 1000
    config.data.crop = 0.0  # the renderer's pose is variation enough
    for classifier in (config.attention, config.evaluator):
        classifier.epochs = 4.8
        classifier.warmup_epochs = 0.32
    config.amgan.num_steps = 40_000
    config.generator.width = 48
    config.discriminator.width = 48
    config.evaluate.measures += ("counterfactual",)
    return config
