"""products_128_pretrained at 64 x 48 pixels, for two CPU cores and two hours.

pip install -e '.[pretrained]'
python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_64_cpu.py --workdir=DIR
"""

from amgan_jax.configs import products_128_pretrained


def get_config():
    config = products_128_pretrained.get_config()
    config.dtype = "float32"  # CPUs have no fast bfloat16
    config.height, config.width = 64, 48
    config.attention.network.output_stride = 8  # maps of 8 x 6 pixels
    config.evaluator.scale = 2  # it judges photos of 128 x 96 pixels, as people would
    config.amgan.batch_size = 8  # more updates for the time
    config.amgan.num_steps = 4800
    config.amgan.ema_decay = 0.99
    config.generator.width = 24
    config.generator.blocks = 4
    config.discriminator.layers = 3  # of maps of 32 x 24 pixels
    config.discriminator.width = 32
    config.generator_optimizer.learning_rate = 1e-3
    config.generator_optimizer.decay_steps = 2400
    config.discriminator_optimizer.learning_rate = 5e-4
    config.generator_loss.outside = 10.0  # or skin and trousers change along
    config.generator_loss.preservation = 1.0
    config.log_steps = 50
    config.checkpoint_steps = config.sample_steps = 400
    config.evaluate.validation_images = 256
    config.evaluate.during.edits = 400
    return config
