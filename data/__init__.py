"""What reads and builds datasets, installed as `amgan_jax.datasets`."""
