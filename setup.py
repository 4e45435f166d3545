"""Package metadata; `pip install -e .` is enough to train, classify and edit."""

import setuptools

_CORE = [
    "absl-py>=2.1",
    "clu>=0.0.12",
    "flax>=0.12.0",
    "importlib_resources>=6.4",  # tensorflow-datasets imports it without requiring it
    "jax>=0.10.0",
    "matplotlib>=3.9",
    "ml-collections>=1.1.0",
    "numpy>=2.0",
    "optax>=0.2.5",
    "orbax-checkpoint>=0.11.30",
    "pillow>=11.0",
    "scikit-image>=0.24",
    "tensorboard>=2.19",  # clu imports it without requiring it
    "tensorflow-cpu>=2.20; platform_machine in 'x86_64 AMD64'",  # TensorFlow only feeds
    "tensorflow>=2.20; platform_machine not in 'x86_64 AMD64'",  # which has no smaller wheel there
    "tensorflow-datasets>=4.9.9",
    "tqdm>=4.66",
]
_EXTRAS = {
    "test": ["pytest>=8.0", "pytest-xdist>=3.6", "ruff>=0.9"],
    "export": ["jax2onnx>=0.10", "onnxruntime>=1.20"],
    "demo": ["gradio>=5.0"],
    "tpu": ["jax[tpu]>=0.10.0"],
    "cuda": ["jax[cuda13]>=0.10.0"],
}

setuptools.setup(
    name="amgan-jax",
    version="0.1.0",
    description="AMGAN: attribute manipulation of fashion images with generative adversarial networks, in JAX",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=["amgan_jax", "amgan_jax.models", "amgan_jax.evaluators"],
    install_requires=_CORE,
    extras_require={**_EXTRAS, "all": sorted(set(sum(_EXTRAS.values(), [])))},
)
