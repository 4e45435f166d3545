"""AMGAN on DeepFashion's Category and Attribute Prediction benchmark, 128 x 96 pixels, for one accelerator.

python data/build.py --dataset=deepfashion --annotation=fine --source=DIR
python -m amgan_jax.main --config=configs/deepfashion_128.py --workdir=WORKDIR
"""

from amgan_jax.configs import default


def get_config():
    config = default.get_config()
    config.data.dataset = "deepfashion"
    config.data.builder.annotation = "fine"  # or coarse
    config.attention.num_steps = config.evaluator.num_steps = 5000
    return config
