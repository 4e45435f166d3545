"""`clothing_attributes`: see labelled_photos.py; its labels and its masks, of 128 pixels, are beside this file."""

from amgan_jax.datasets import labelled_photos

DATASET = labelled_photos.dataset(
    "clothing_attributes.csv",
    "Photos taken at home of the public clothing dataset (A. Grigorev), CC0, labelled here.",
    "clothing_attributes_masks.npz",
)
