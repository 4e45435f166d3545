"""AMGAN on photos of garments taken at home, 64 x 64 pixels, for one accelerator.

python data/build.py --dataset=clothing_attributes --source=DIR
python -m amgan_jax.main --config=configs/clothing_64.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import products_64


def get_config() -> ConfigDict:
    config = products_64.get_config()
    config.height = config.width = 64
    config.data.dataset = "clothing_attributes"
    config.amgan.whole = ("color", "pattern")
    # Few photos, of people: longer, with more against overfitting (docs/history.md).
    config.data.crop = 0.3
    config.attention.mixup = 0.4
    config.attention.epochs = 85.0
    config.attention.optimizer.decay = 0.83
    config.attention.optimizer.weight_decay = 0.05
    config.evaluator.epochs = 28.0
    return config
