"""Bundles: a trained system in one folder, without what only training needs.

| file | holds |
|---|---|
| weights.safetensors | the generator's moving average, the attention network, the evaluator where it is wanted |
| config.json, schema.json | as in a workdir |
| provenance.json | data, training, figures: see `provenance` |
| README.md | the model card |
"""

import functools
import hashlib
import json
import pathlib
from typing import Any, cast

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from amgan_jax import workdir as workdir_lib
from amgan_jax.bundles import model_card, provenance
from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically
from amgan_jax.schema import Schema
from amgan_jax.training import state
from amgan_jax.workdir import BUNDLE_WEIGHTS, CLASSIFIERS

DTYPES = ("float32", "bfloat16")
_DIGEST = "weights_sha256"
_TYPES = {"F32": np.float32, "BF16": jnp.bfloat16}  # by safetensors' names


def write(directory: pathlib.Path, system: Any, history: dict[str, Any], dtype: str, evaluator: bool) -> None:
    """Writes a bundle; the weights come last, so that a folder without them is none.

    Args:
      directory: new, or empty.
      system: whose networks it holds, an `editor.Editor`.
      history: see `provenance.of`; with "licence", of the weights.
      dtype: of DTYPES, of kernels; norms' scales, biases and statistics are few, and stay float32.
      evaluator: whether the evaluator is in it: it reads photos together with the attention network, and judges edits.

    Raises:
      UserError: the directory holds something, or cannot be written.
    """
    check_new(directory)
    trees = {"generator": system.generator, "attention": system.classifiers["attention"]}
    if evaluator:
        trees["evaluator"] = system.classifiers["evaluator"]
    arrays = {name: _as(dtype, array) for name, array in _flatten(jax.device_get(trees)).items()}
    weights = safetensors.numpy.save(arrays)
    history = history | {"dtype": dtype, _DIGEST: digest(weights)}
    files = {
        "config.json": _portable(system.config),
        "schema.json": system.schema.to_json() + "\n",
        provenance.FILE: json.dumps(history, indent=1) + "\n",
        "README.md": model_card.write(system.config, system.schema, history, "bundle"),
        BUNDLE_WEIGHTS: weights,
    }
    for name, content in files.items():
        write_atomically(directory / name, content)


def check_new(directory: pathlib.Path) -> None:
    """Raises UserError where a path is taken by a file or by a folder that holds something."""
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise UserError(f"--output={directory} is there already: name a new folder")


def read(directory: pathlib.Path) -> tuple[Any, Schema, Any, dict[str, Any]]:
    """(config, schema, generator's parameters, variables of each classifier by name) of a bundle; weights as float32.

    Raises:
      UserError: a file is missing or damaged, or does not belong to the others.
    """
    config, schema = workdir_lib.load(directory)
    path = directory / BUNDLE_WEIGHTS
    content = path.read_bytes()
    if provenance.read_json(directory / provenance.FILE).get(_DIGEST) != digest(content):
        raise UserError(
            f"{path} is damaged, or not that of {provenance.FILE} beside it: copy or export the bundle again"
        )
    try:
        arrays = {n: _array(**entry) for n, entry in safetensors.deserialize(content)}
    except (safetensors.SafetensorError, KeyError) as error:
        raise UserError(f"{path} cannot be read as safetensors of float32 or bfloat16: {error}") from error
    names = [name for name in CLASSIFIERS if any(n.startswith(f"{name}/") for n in arrays)]
    _check_shapes(path, arrays, _shapes(config, schema, names))
    trees = traverse_util.unflatten_dict(arrays, sep="/")
    return config, schema, trees["generator"], {name: trees[name] for name in names}


def digest(weights: bytes) -> str:
    """What tells a weights file from a damaged one."""
    return hashlib.sha256(weights).hexdigest()


def _flatten(trees) -> dict[str, Any]:
    return cast(dict[str, Any], traverse_util.flatten_dict(trees, sep="/"))


def _as(dtype, array):
    array = np.asarray(array, np.float32)
    return array.astype(jnp.dtype(dtype)) if array.ndim > 1 else array


def _array(shape, dtype, data):
    return np.frombuffer(data, _TYPES[dtype]).reshape(shape).astype(np.float32)


def _portable(config):
    """config.json without where the data lay."""
    tree = json.loads(config.to_json())
    tree["data"] |= {"data_dir": None, "source": None}
    return json.dumps(tree, indent=1) + "\n"


def _shapes(config, schema, names):
    """The arrays that a config and a schema ask for: {name: shape}."""
    init = functools.partial(state.init_generator, config, schema)
    trees = {"generator": jax.eval_shape(lambda: init(jax.random.key(0)))}
    for name in {"attention", *names}:
        classifier = functools.partial(state.init_classifier, config, name, schema)
        trees[name] = jax.eval_shape(classifier).variables
    return {name: array.shape for name, array in _flatten(trees).items()}


def _check_shapes(path, arrays, shapes):
    """Raises UserError where arrays are not those that are asked for."""
    found = {name: array.shape for name, array in arrays.items()}
    for name in sorted(found.keys() | shapes.keys()):
        if found.get(name) != shapes.get(name):
            raise UserError(
                f"{path} does not fit the config.json beside it: {name} is {found.get(name, 'missing')}, should be"
                f" {shapes.get(name, 'missing')}"
            )
