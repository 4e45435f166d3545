"""The project's configs, installed as `amgan_jax.configs`."""
