"""`python -m amgan_jax.demo`, which is `commands.demo`."""

from amgan_jax.commands import demo

if __name__ == "__main__":
    demo.run()
