"""AMGAN on rendered garments of 64 x 64 pixels, for a CPU core and an hour: quickstart at twice its size, and longer.

python -m amgan_jax.main --config=configs/synthetic_64_cpu.py --workdir=DIR
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import quickstart


def get_config() -> ConfigDict:
    return quickstart.get_config("64")
