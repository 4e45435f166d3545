"""What a TPU would have to do for one training step: flops, bytes and memory, without a TPU.

Compiles AMGAN's real step for a v5e slice of 2 x 4 chips with the TPU's own compiler,
which runs on a CPU. It needs the extra `tpu`, best in a virtual environment of its own:

  pip install -e .[tpu]
  python benchmarks/tpu_compile.py [--config=configs/products_128.py] [--output=FILE]
"""

from collections.abc import Sequence
import functools
import importlib.util
import os
import pathlib

from absl import flags

# Read by libtpu and by JAX when they are first imported.
os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax  # noqa: E402
from jax.experimental import topologies  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import tqdm  # noqa: E402

from amgan_jax import cli, garments  # noqa: E402
from amgan_jax.errors import UserError  # noqa: E402
from amgan_jax.files import write_atomically  # noqa: E402
from amgan_jax.schema import Schema  # noqa: E402
from amgan_jax.training import parallel, state, steps  # noqa: E402

_ROOT = pathlib.Path(__file__).parent.parent
_NEEDED = "compiling for a TPU needs jax[tpu]: pip install -e '.[tpu]' in a virtual environment of its own"
_TOPOLOGY, _CHIPS = "v5e:2x4", 8
_CONFIG = flags.DEFINE_string("config", None, "One config file. Default: every file in configs/.")
_OUTPUT = flags.DEFINE_string("output", None, "Markdown file for the table. Default: print it.")


def main(argv: Sequence[str]) -> None:
    del argv
    if importlib.util.find_spec("libtpu") is None:
        raise UserError(_NEEDED)
    paths = [pathlib.Path(_CONFIG.value)] if _CONFIG.value else sorted((_ROOT / "configs").glob("[!_]*.py"))
    devices = topologies.get_topology_desc(_TOPOLOGY, platform="tpu").devices
    figures = {}
    rows = [_row(path, devices, figures) for path in tqdm.tqdm(paths, unit="config")]
    header = (
        "config",
        "examples a chip",
        "TFLOP a step",
        "GB accessed a step",
        "GB arguments",
        "GB memory at its peak",
    )
    lines = [header, ["---"] * len(header), *rows]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    if _OUTPUT.value:
        write_atomically(pathlib.Path(_OUTPUT.value), table)
    print(table, end="")


def _row(path, devices, figures):
    """The figures of one config, each for one chip; `figures` keeps those of each program, compiled once."""
    config = _load(path)
    schema = garments.SCHEMA
    if config.data.dataset != "synthetic_garments":
        schema = Schema.from_json((_ROOT / "data" / "photo_schema.json").read_text())
    examples = -(-config.amgan.batch_size // len(devices))
    lowered = _lower(config, schema, examples, devices)
    program = lowered.as_text()
    if program not in figures:
        figures[program] = _measure(lowered.compile())
    return (path.stem, str(examples), *(f"{figure:.3g}" for figure in figures[program]))


def _measure(compiled):
    """(TFLOP, GB accessed, GB of arguments, GB of memory at its peak)."""
    cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
    return (
        cost["flops"] / 1e12,
        cost["bytes accessed"] / 1e9,
        memory.argument_size_in_bytes / 1e9,
        memory.peak_memory_in_bytes / 1e9,
    )


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or not path.is_file():
        raise UserError(f"cannot load --config={path}: name a file such as configs/products_128.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config()


def _lower(config, schema, examples, devices):
    """The step of AMGAN on so many examples a chip, lowered."""
    attention, train_state = jax.eval_shape(
        lambda: (state.init_classifier(config, "attention", schema).variables, state.init_amgan(config, schema))
    )
    lead = (len(devices), config.amgan.n_critic, examples)
    image = jax.ShapeDtypeStruct((*lead, config.height, config.width, 3), jnp.float32)
    label = jax.ShapeDtypeStruct((*lead, len(schema.attributes)), jnp.int32)
    batch = {
        "image": image,
        "reference": image,
        "label": label,
        "reference_label": label,
        "target": label,
        "focus": jax.ShapeDtypeStruct(lead, jnp.int32),
    }
    step = parallel.map_step(functools.partial(steps.amgan_step, config, schema), frozen=1, devices=devices)
    return step.lower(train_state, attention, batch)


if __name__ == "__main__":
    cli.run(main)
