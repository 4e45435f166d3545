"""`python -m amgan_jax.classify`, which is `commands.classify`."""

from amgan_jax.commands import classify

if __name__ == "__main__":
    classify.run()
