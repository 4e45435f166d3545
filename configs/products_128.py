"""AMGAN on catalogue photos of 128 x 96 pixels, for one accelerator.

python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_128.py --workdir=DIR
python -m amgan_jax.main --config=configs/products_128.py:pod --workdir=DIR    # on a TPU slice, see docs/tpu.md
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import default
from amgan_jax.errors import check_known


def get_config(machine: str = "chip") -> ConfigDict:
    """The config for a chip, or for a pod's slice of 2 x 4 with eight examples each; UserError for other names."""
    check_known("machine", machine, ("chip", "pod"))
    config = default.get_config()
    if machine == "pod":
        config.amgan.batch_size = 64  # over all devices; a larger slice takes more
        config.amgan.num_steps = 40_000  # a batch is four times that of one chip
        for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
            optimizer.learning_rate = 2e-4
    return config
