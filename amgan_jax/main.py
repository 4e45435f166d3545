"""`python -m amgan_jax.main`, which is `commands.train`."""

from amgan_jax.commands import train

if __name__ == "__main__":
    train.run()
