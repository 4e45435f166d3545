"""products_128_pretrained on your own photos with a labels.csv, at 128 x 128 pixels; see manifest.py.

pip install -e '.[pretrained]'
python -m amgan_jax.main --config=configs/manifest_pretrained.py --config.data.source=DIR --workdir=WORKDIR
"""

from amgan_jax.configs import products_128_pretrained


def get_config():
    config = products_128_pretrained.get_config()
    config.height = config.width = 128
    config.data.dataset = "manifest"
    config.data.builder.name = "photos"
    return config
