"""The systems of configs/systems on rendered garments of 64 x 64 pixels.

python -m amgan_jax.main --config=configs/compare_64.py:stargan_published --workdir=DIR
python benchmarks/compare.py --seeds=1 --output=compare.json --workdir=DIR \\
    --configs=configs/compare_64.py:amgan_published,configs/compare_64.py:stargan_published
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import quickstart, systems


def get_config(system: str = "amgan") -> ConfigDict:
    """The config of a system of configs/systems; UserError where there is none of that name."""
    config = quickstart.get_config("64")
    config.amgan.num_steps = 1000
    config.generator_optimizer.decay = 0.5
    config.discriminator_optimizer.decay = 0.05
    config.checkpoint_steps = config.sample_steps = 500
    config.edit.in_turn = ()
    config.evaluate.measures = ("edits", "edits_by_count", "counterfactual")
    config.evaluate.during = {"edits": 500}
    return systems.switch(config, system, chosen=False)  # the search was made at 32 x 32
