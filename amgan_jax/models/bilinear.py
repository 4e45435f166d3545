"""Bilinear resizing as matrix products. Imports no JAX: commands that only look at photos need it too."""

import numpy as np
from PIL import Image


def weights(size: int, new_size: int) -> np.ndarray:
    """How bilinear resizing makes each of `new_size` pixels of `size` pixels: float32 [new_size, size].

    Where it makes fewer of more, each is a mean of as many as it stands for (antialiasing).
    """
    identity = Image.fromarray(np.eye(size, dtype=np.float32))
    return np.asarray(identity.resize((new_size, size), Image.Resampling.BILINEAR)).T
