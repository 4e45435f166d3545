"""AMGAN on Shopping100k, 128 x 96 pixels, for one accelerator.

python data/build.py --dataset=shopping100k --source=DIR
python -m amgan_jax.main --config=configs/shopping100k_128.py --workdir=WORKDIR
"""

from amgan_jax.configs import default


def get_config():
    config = default.get_config()
    config.data.dataset = "shopping100k"
    config.attention.num_steps = config.evaluator.num_steps = 10_000
    return config
