"""What is exported: the two functions of a trained system, their signatures, and inputs that they are verified on.

| function | in | out |
|---|---|---|
| edit | image float32 [B, H, W, 3], source and target int32 [B, A] | edited like image, mask float32 [B, H, W, 1] |
| classify | image float32 [B, H, W, 3] | label int32 [B, A], confidence float32 [B, A] |

Images are in [-1, 1], masks and confidences in [0, 1]. The batch B is free.
"""

from collections.abc import Callable, Sequence
import functools
import json
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np

from amgan_jax import garments
from amgan_jax.editing import editor, photos
from amgan_jax.editing.editor import Editor
from amgan_jax.errors import UserError

TOLERANCE = 1e-4  # of what an export returns, beside the live networks
_DRAWN, _RENDERED = 4, 4  # images of each kind that exports are verified on

Inputs = dict[str, np.ndarray]


class Function(NamedTuple):
    """A function to export, which takes arrays by position and returns a tuple.

    inputs, outputs: {name: (dtype, shape without the batch)}, in order.
    """

    call: Callable[..., tuple[jax.Array, ...]]
    inputs: dict[str, tuple[str, tuple[int, ...]]]
    outputs: dict[str, tuple[str, tuple[int, ...]]]


def of(system: Editor) -> dict[str, Function]:
    """The functions of a system, by name."""
    config, schema = system.config, system.schema
    image, seen = (config.height, config.width, 3), (*system.image_size, 3)
    label = ("int32", (len(schema.attributes),))
    parameters = (system.generator, system.classifiers["attention"])
    return {
        "edit": Function(
            functools.partial(editor.edit_once, config, schema, parameters),
            {"image": ("float32", image), "source": label, "target": label},
            {"edited": ("float32", image), "mask": ("float32", (*image[:2], 1))},
        ),
        "classify": Function(
            functools.partial(editor.read, config, schema, system.classifiers),
            {"image": ("float32", seen)},
            {"label": label, "confidence": ("float32", label[1])},
        ),
    }


def signature(system: Editor, history: dict[str, Any]) -> str:
    """signature.json: what a consumer must know to call the functions, as JSON.

    Args:
      system: that is exported.
      history: see `provenance.of`.
    """

    def describe(arrays):
        return {name: {"dtype": dtype, "shape": ["batch", *shape]} for name, (dtype, shape) in arrays.items()}

    functions = {n: {"inputs": describe(f.inputs), "outputs": describe(f.outputs)} for n, f in of(system).items()}
    content = {
        "functions": functions,
        "schema": json.loads(system.schema.to_json()),
        "preprocessing": {
            "image": "RGB, upright, fitted into the shape without distortion, on white, in the middle",
            "scale": "uint8 / 127.5 - 1",
        },
        "labels": "indices into the schema's values, by attribute in its order; -1: unknown, which is left as it is",
        "edits_in_turn": list(system.config.edit.in_turn or ()),
        "provenance": history,
    }
    return json.dumps(content, indent=1) + "\n"


def examples(system: Editor, files: Sequence[pathlib.Path] = ()) -> dict[str, Inputs]:
    """Inputs of each function to verify exports on: noise, rendered garments, and photos.

    Args:
      system: that is exported.
      files: paths of photos.

    Raises:
      UserError: a photo cannot be read.
    """
    rng = np.random.default_rng(0)
    read = [photos.read(path) for path in files]
    inputs = {}
    for name, function in of(system).items():
        _, (height, width, _) = function.inputs["image"]
        drawn = rng.uniform(-1.0, 1.0, (_DRAWN, height, width, 3))
        label = np.stack([rng.integers(0, n, _RENDERED) for n in garments.SCHEMA.value_counts], axis=-1)
        nuisance = np.stack([np.zeros(_RENDERED), np.arange(_RENDERED)], axis=-1)
        rendered = garments.render_batch(label.astype(np.int32), nuisance.astype(np.int32), (height, width))
        seen = [photos.letterbox(photo, height, width).image for photo in read]
        image = np.concatenate([drawn, np.asarray(rendered), *(x[None] for x in seen)]).astype(np.float32)
        inputs[name] = {"image": image}
        for side in ("source", "target") if "source" in function.inputs else ():
            values = [rng.integers(0, n, len(image)) for n in system.schema.value_counts]
            inputs[name][side] = np.stack(values, axis=-1).astype(np.int32)
    return inputs


def largest_difference(function: Function, inputs: Inputs, exported: Callable[[Inputs], Inputs]) -> float:
    """Between what an exported function returns, by name, and what the live one does, in any number of it.

    Raises:
      UserError: it is above TOLERANCE, or not finite.
    """
    live = jax.device_get(function.call(*inputs.values()))
    got = exported(inputs)
    differences = [
        np.abs(np.asarray(got[n], np.float64) - x).max() for n, x in zip(function.outputs, live, strict=True)
    ]
    difference = float(np.max(differences))
    if not difference <= TOLERANCE:
        raise UserError(f"the export differs from the live networks by {difference:.1e}, more than {TOLERANCE:.0e}")
    return difference
