"""`python -m amgan_jax.edit`, which is `commands.edit`."""

from amgan_jax.commands import edit

if __name__ == "__main__":
    edit.run()
