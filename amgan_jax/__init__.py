"""AMGAN: attribute manipulation of fashion images with generative adversarial networks, in JAX."""


def __getattr__(name):
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import metadata  # which is not for every import

    return metadata.version("amgan-jax")
