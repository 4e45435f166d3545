"""AMGAN on photos of garments taken at home, 64 x 64 pixels, for one accelerator.

python data/build.py --dataset=clothing_attributes --source=DIR
python -m amgan_jax.main --config=configs/clothing_64.py --workdir=DIR
"""

from configs import products_64


def get_config():
    config = products_64.get_config()
    config.height = config.width = 64
    config.data.dataset = "clothing_attributes"
    return config
