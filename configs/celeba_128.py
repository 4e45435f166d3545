"""AMGAN on faces, CelebA at 128 x 128 pixels, for one accelerator.

python data/build.py --dataset=celeb_a --source=DIR
python -m amgan_jax.main --config=configs/celeba_128.py --workdir=WORKDIR
"""

from amgan_jax.configs import default


def get_config():
    config = default.get_config()
    config.height = config.width = 128
    config.data.dataset = "celeb_a"
    config.attention.num_steps = config.evaluator.num_steps = 10_000
    return config
