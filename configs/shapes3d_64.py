"""AMGAN on 3D shapes in a room, 64 x 64 pixels, for one accelerator.

python data/build.py --dataset=shapes3d --source=DIR
python -m amgan_jax.main --config=configs/shapes3d_64.py --workdir=WORKDIR
"""

from amgan_jax.configs import products_64


def get_config():
    config = products_64.get_config()
    config.height = config.width = 64
    config.data.dataset = "shapes3d"
    config.data.flip = False  # which would turn the scene the other way
    config.data.crop = 0.0  # which would change the scale
    config.evaluator.scale = 1  # the images have no more detail
    return config
