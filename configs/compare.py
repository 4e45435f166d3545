"""AMGAN, what it is compared with, and AMGAN without each of its parts, on rendered garments.

python -m amgan_jax.main --config=configs/compare.py:stargan --workdir=DIR
python benchmarks/compare.py --workdir=DIR    # all of them, with a table

All are one training step with parts switched on and off, on the same backbone, the same data and the same
evaluator, so that a comparison differs in nothing else. They start from quickstart's settings, and from the
weights that each system's paper recommends for its losses, named in configs/systems. Then comes what a search on
validation garments, through the same variants of all systems, found to be better. stargan_published is as in its
paper, and so are the others with that variant.
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import quickstart, systems


def get_config(system: str = "amgan") -> ConfigDict:
    """The config of a system, or of a variant as in "stargan_twice"; UserError for other names."""
    config = quickstart.get_config()
    config.amgan.num_steps = 1000
    config.discriminator_optimizer.decay = 0.05
    config.checkpoint_steps = config.sample_steps = 500
    config.edit.in_turn = ()
    config.evaluate.measures = ("edits", "edits_by_count", "counterfactual")
    config.evaluate.during = {"edits": 250}  # whether the curve has flattened
    return systems.switch(config, system, chosen=True)
