"""`python -m amgan_jax.build`, which is data/build.py."""

from amgan_jax.datasets import build  # pyright: ignore[reportAttributeAccessIssue]  (it stands in data/)

if __name__ == "__main__":
    build.run()
