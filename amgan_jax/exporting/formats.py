"""Exports that run without this package, by format.

A writer writes the functions of a system into a folder, and returns them as they are when read back from it:
{name: function of {input: array} to {output: array}}.
"""

from collections.abc import Callable
import functools
import importlib
import logging
import pathlib
from typing import Any

import jax
from jax import export as jax_export
import numpy as np

from amgan_jax.bundles import bundle, model_card
from amgan_jax.editing.editor import Editor
from amgan_jax.errors import UserError
from amgan_jax.exporting import functions
from amgan_jax.files import write_atomically

PLATFORMS = ("cpu", "cuda", "tpu")  # that a StableHLO export runs on
_OF_TENSORFLOW = ("cpu", "cuda")


def write(
    directory: pathlib.Path, form: str, system: Editor, history: dict[str, Any], files: list[pathlib.Path]
) -> dict[str, float]:
    """Writes an export, reads it back, and verifies that it returns what the live networks do.

    Args:
      directory: new, or empty.
      form: of WRITERS.
      system: to export.
      history: see `provenance.of`; with "licence", of the weights.
      files: paths of photos to verify it on, beside noise and rendered garments.

    Returns:
      The largest difference of each function's results.

    Raises:
      UserError: the directory holds something or cannot be written, a library is missing, a photo cannot be read, or
        the export does not return what the live networks do; then it has no signature.json.
    """
    bundle.check_new(directory)
    inputs, live = functions.examples(system, files), functions.of(system)
    directory.mkdir(parents=True, exist_ok=True)
    exported = WRITERS[form](directory, live)
    differences = {name: functions.largest_difference(live[name], inputs[name], exported[name]) for name in live}
    write_atomically(directory / "README.md", model_card.write(system.config, system.schema, history, form))
    write_atomically(directory / "signature.json", functions.signature(system, history))
    return differences


def _write_stablehlo(directory, live):
    exported = {}
    for name, function in live.items():
        (batch,) = jax_export.symbolic_shape("batch")
        program = jax_export.export(jax.jit(function.call), platforms=PLATFORMS)(*_shapes(function, batch))
        path = directory / f"{name}.stablehlo"
        write_atomically(path, bytes(program.serialize()))
        call = jax_export.deserialize(bytearray(path.read_bytes())).call
        exported[name] = functools.partial(_call_by_position, call, function)
    return exported


def _write_onnx(directory, live):
    jax2onnx, onnxruntime = (_library(name, "export") for name in ("jax2onnx", "onnxruntime"))
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it warns of types that ONNX infers
    exported = {}
    for name, function in live.items():
        names = {"input_names": list(function.inputs), "output_names": list(function.outputs)}
        model = jax2onnx.to_onnx(function.call, inputs=_shapes(function, "batch"), model_name=name, **names)
        del model.graph.value_info[:]  # shapes of what is in between, some of which jax2onnx gets wrong
        path = directory / f"{name}.onnx"
        write_atomically(path, model.SerializeToString())
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        exported[name] = functools.partial(_call_session, session, function)
    return exported


def _write_savedmodel(directory, live):
    import tensorflow as tf  # slow to import

    signatures = {}
    for name, function in live.items():
        specs = [tf.TensorSpec([None, *shape], dtype, name=n) for n, (dtype, shape) in function.inputs.items()]
        call = functools.partial(_name_outputs, _to_tensorflow(function), function)
        signatures[name] = tf.function(call, input_signature=specs, autograph=False)
    tf.saved_model.save(tf.Module(), str(directory), signatures=signatures)
    loaded = tf.saved_model.load(str(directory)).signatures
    return {name: functools.partial(_call_signature, loaded[name]) for name in live}


WRITERS: dict[str, Callable] = {
    "stablehlo": _write_stablehlo,
    "onnx": _write_onnx,
    "savedmodel": _write_savedmodel,
}


def _shapes(function, batch):
    """What a function takes, for a batch that is a symbol."""
    return [jax.ShapeDtypeStruct((batch, *shape), np.dtype(dtype)) for dtype, shape in function.inputs.values()]


def _to_tensorflow(function):
    from jax.experimental import jax2tf  # which imports TensorFlow

    return jax2tf.convert(
        function.call,
        polymorphic_shapes=["batch, ..."] * len(function.inputs),
        with_gradient=False,
        native_serialization_platforms=_OF_TENSORFLOW,
    )


def _name_outputs(call, function, *inputs):
    return dict(zip(function.outputs, call(*inputs), strict=True))


def _call_by_position(call, function, inputs):
    return jax.device_get(_name_outputs(call, function, *inputs.values()))


def _call_session(session, function, inputs):
    return dict(zip(function.outputs, session.run(list(function.outputs), inputs), strict=True))


def _call_signature(signature, inputs):
    return {name: tensor.numpy() for name, tensor in signature(**inputs).items()}


def _library(name, extra):
    """A library that only an export needs; UserError where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"this export needs {name}: pip install 'amgan-jax[{extra}]'") from error
