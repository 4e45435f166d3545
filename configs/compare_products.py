"""The systems of configs/compare.py on catalogue photos of 64 x 48 pixels, trained for a short time.

pip install -e '.[pretrained]'
python -m amgan_jax.main --config=configs/compare_products.py:stargan --workdir=DIR
python benchmarks/compare.py --output=docs/results/compare_products.json --workdir=DIR \\
    --configs=configs/compare_products.py:amgan,configs/compare_products.py:stargan
"""

from configs import compare, products_64_cpu


def get_config(system: str = "amgan"):
    """The config of a system; UserError where there is none of that name."""
    config = products_64_cpu.get_config()
    config.amgan.num_steps = 2000
    config.amgan.ema_decay = 0.99
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.decay_steps = 1000
    config.log_steps = 50
    config.checkpoint_steps = config.sample_steps = 500
    config.evaluate.during = {"edits": 500}
    return compare.switch(config, system, chosen={})  # no search was made on photos
