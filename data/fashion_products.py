"""`fashion_products`: see labelled_photos.py, and fashion_products.csv for its labels."""

from amgan_jax.datasets import labelled_photos

DATASET = labelled_photos.dataset(
    "fashion_products.csv",
    "Catalogue photos of the public Fashion Product Images set (P. Aggarwal), labelled here.",
)
