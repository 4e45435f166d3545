"""`clothing_attributes`: see labelled_photos.py, and clothing_attributes.csv for its labels."""

from amgan_jax.datasets import labelled_photos

DATASET = labelled_photos.dataset(
    "clothing_attributes.csv",
    "Photos taken at home of the public clothing dataset (A. Grigorev), CC0, labelled here.",
)
