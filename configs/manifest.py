"""AMGAN on your own photos with a labels.csv, at 64 x 64 pixels, for one accelerator.

python -m amgan_jax.main --config=configs/manifest.py --config.data.source=DIR --workdir=WORKDIR

DIR/labels.csv has a column `image` with paths within DIR and a column for each attribute; see
docs/datasets.md. Set height and width to the shape of your photos: 64 and 48 for 4 to 3. For
several sets of photos in one --config.data.data_dir give each a --config.data.builder.name.
"""

from amgan_jax.configs import products_64


def get_config():
    config = products_64.get_config()
    config.height = config.width = 64
    config.data.dataset = "manifest"
    config.data.builder.name = "photos"
    return config
