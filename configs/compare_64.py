"""The systems of configs/compare.py on rendered garments of 64 x 64 pixels.

python -m amgan_jax.main --config=configs/compare_64.py:stargan_published --workdir=DIR
python benchmarks/compare.py --seeds=1 --output=compare.json --workdir=DIR \\
    --configs=configs/compare_64.py:amgan_published,configs/compare_64.py:stargan_published
"""

from configs import compare, synthetic_64_cpu


def get_config(system: str = "amgan"):
    """The config of a system; UserError where there is none of that name."""
    config = synthetic_64_cpu.get_config()
    config.amgan.num_steps = 1000
    config.generator_optimizer.decay_steps = 500
    config.checkpoint_steps = config.sample_steps = 500
    config.edit.in_turn = ()
    config.evaluate.measures = ("edits", "edits_by_count", "counterfactual")
    config.evaluate.during = {"edits": 500}
    return compare.switch(config, system, chosen={})  # the search was made at 32 x 32
