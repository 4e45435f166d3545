"""AMGAN on catalogue photos of 128 x 96 pixels, for one accelerator.

python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_128.py --workdir=DIR
"""

from amgan_jax.configs import default


def get_config():
    return default.get_config()
