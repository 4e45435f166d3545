"""The systems of configs/compare.py on catalogue photos of 64 x 48 pixels.

python -m amgan_jax.main --config=configs/compare_products.py:stargan --workdir=DIR
python benchmarks/compare.py --output=docs/results/compare_products.json --workdir=DIR \\
    --configs=configs/compare_products.py:amgan,configs/compare_products.py:stargan
"""

from configs import compare, products_64_cpu


def get_config(system: str = "amgan"):
    """The config of a system; UserError where there is none of that name."""
    config = products_64_cpu.get_config()
    config.evaluate.during = {"edits": 200}
    return compare.switch(config, system, chosen={})  # no search was made on photos
