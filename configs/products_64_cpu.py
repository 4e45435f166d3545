"""products_64 for two CPU cores: as far as edits come in well under an hour, which is not far.

python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_64_cpu.py --workdir=DIR
"""

from configs import products_64


def get_config():
    config = products_64.get_config()
    config.dtype = "float32"  # CPUs have no fast bfloat16
    config.evaluator.scale = 1  # a larger one takes an hour
    config.amgan.batch_size = 8
    config.amgan.num_steps = 1200
    config.amgan.ema_decay = 0.99
    config.generator.width = 24
    config.generator.blocks = 4
    config.generator_optimizer.learning_rate = 1e-3
    config.discriminator_optimizer.learning_rate = 5e-4
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.decay_steps = 500
    config.log_steps = 50
    config.checkpoint_steps = 250
    config.sample_steps = 250
    return config
