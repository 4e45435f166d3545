"""AMGAN on photos of garments taken at home, 128 x 128 pixels, for one accelerator.

python data/build.py --dataset=clothing_attributes --source=DIR
python -m amgan_jax.main --config=configs/clothing_128.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import default


def get_config() -> ConfigDict:
    config = default.get_config()
    config.height = config.width = 128
    config.data.dataset = "clothing_attributes"
    config.amgan.whole = ("color", "pattern")
    config.attention.epochs = config.evaluator.epochs = 42.0  # few photos
    return config
