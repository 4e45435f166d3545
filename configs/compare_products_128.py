"""compare_products_64 with the settings of products_128_pretrained and, for all, a preservation loss.

pip install -e '.[pretrained]'
python benchmarks/compare.py --output=compare.json --workdir=DIR \\
    --configs=configs/compare_products_128.py:amgan,configs/compare_products_128.py:stargan
"""

from amgan_jax.configs import compare, products_128_pretrained


def get_config(system: str = "amgan"):
    """The config of a system; UserError where there is none of that name."""
    config = products_128_pretrained.get_config()
    config.amgan.num_steps = 1500
    config.generator_optimizer.decay_steps = 750
    config.generator_loss.preservation = 1.0
    config.log_steps = 50
    config.checkpoint_steps = config.sample_steps = 500
    config.evaluate.during.edits = 250  # whether the curve has flattened
    return compare.switch(config, system, chosen={})
