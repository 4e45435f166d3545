"""products_64 for two CPU cores and two hours.

pip install -e '.[pretrained]'
python data/build.py --dataset=fashion_products --source=DIR
python -m amgan_jax.main --config=configs/products_64_cpu.py --workdir=DIR
"""

from configs import products_64, products_128_pretrained


def get_config():
    config = products_64.get_config()
    config.dtype = "float32"  # CPUs have no fast bfloat16
    products_128_pretrained.fine_tune(config.evaluator, output_stride=32)  # sooner trained than one from scratch
    config.amgan.batch_size = 8  # more updates for the time
    config.amgan.num_steps = 12_000
    config.amgan.cycle_every = 2
    config.generator.width = 24
    config.generator.blocks = 4
    config.discriminator.projection = True
    config.generator_optimizer.learning_rate = 1e-3
    config.discriminator_optimizer.learning_rate = 5e-4
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        optimizer.decay_steps = 6000
    config.evaluate.validation_images = 256
    config.evaluate.during = {"edits": 2000}
    return config
