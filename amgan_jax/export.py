"""`python -m amgan_jax.export`, which is `commands.export`."""

from amgan_jax.commands import export

if __name__ == "__main__":
    export.run()
