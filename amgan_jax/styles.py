"""`python -m amgan_jax.styles`, which is `commands.styles`."""

from amgan_jax.commands import styles

if __name__ == "__main__":
    styles.run()
