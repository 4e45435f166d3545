"""What a training update costs on a CPU, against PyTorch: AMGAN's, the attention network's and the evaluator's.

pip install -e '.[bench]'
python benchmarks/train_step.py [--quick] [--configs=configs/quickstart.py,configs/products_64_cpu.py]

Both start from the same random parameters and one batch of noise with random labels. Their outputs, the parts of
their losses and the gradients of a first update have to agree before they are timed, in turns in one process: the
process' CPU time, median of rounds. PyTorch runs eagerly, on as many threads as ours: as there are cores that the
process may use (`taskset -c 0` for one); of its two layouts of maps, the faster counts. Neither hands freed memory
back, as in our trainings.

The last line is JSON: for each config and update, seconds of CPU an update and PyTorch's over ours, more than 1 where
ours is faster; `ratio`, the last, is AMGAN's, the geometric mean over configs.

Not covered: compilation, input, torch.compile, accelerators, several devices, foreground heads, ImageNet weights.
"""

from collections.abc import Callable, Iterator, Sequence
import functools
import importlib.util
import json
import os
import pathlib
import statistics
import sys
import time
from typing import Any

from absl import flags
import jax
import jax.numpy as jnp
from ml_collections import config_dict, config_flags
import numpy as np
import optax

from amgan_jax import cli, encoding, garments
from amgan_jax.errors import UserError
from amgan_jax.input import arrays
from amgan_jax.models import efficientnet, networks
from amgan_jax.schema import UNKNOWN, Schema
from amgan_jax.training import allocator, parallel, state, steps
from amgan_jax.workdir import CLASSIFIERS

_ROOT = pathlib.Path(__file__).parent.parent
# How far the two may be apart, and in which norm. Rounding turns a few of an EfficientNet's many ReLUs at zero: from
# gradients in float64, ours of products_64_cpu's evaluator were up to 0.012 away, and PyTorch's up to 0.046.
_OUTPUTS, _GRADIENTS, _DEEP_GRADIENTS = (1e-3, np.inf), (1e-2, 2), (0.1, 2)
_ROUNDS, _SECONDS = 7, 10.0  # rounds, and how long a turn is
_QUICK_ROUNDS, _QUICK_SECONDS = 3, 1.0

_CONFIGS = flags.DEFINE_list("configs", ["configs/quickstart.py", "configs/products_64_cpu.py"], "Config files.")
_QUICK = flags.DEFINE_bool("quick", False, "Fewer and shorter rounds: under five minutes on two cores.")

Contest = dict[str, Callable[[], Any]]  # {"ours" or a layout of PyTorch's: an update, to be called again and again}


def main(argv: Sequence[str]) -> None:
    del argv
    allocator.keep_memory()
    if importlib.util.find_spec("torch") is None:
        raise UserError("benchmarks/train_step.py needs torch, which is not installed: pip install -e '.[bench]'")
    import torch

    import torch_twin

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(cores)
    jax.config.update("jax_platforms", "cpu")
    _say(f"{cores} threads each; jax {jax.__version__}, torch {torch.__version__}")
    configs = {path: networks.settle_foreground(_load_config(path), has_foreground=False) for path in _CONFIGS.value}
    for config in configs.values():
        torch_twin.check_covered(config)
    results = {path: _measure(path, config) for path, config in configs.items()}
    ratio = statistics.geometric_mean(figures["amgan"]["ratio"] for figures in results.values())
    print(json.dumps({"threads": cores, **results, "ratio": round(ratio, 3)}))


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _measure(path, config):
    """{update: its figures} of a config, each compared before it is timed."""
    schema = _schema(config)
    source = noise_source(config, schema)
    results = {}
    for name in ("amgan", *CLASSIFIERS):
        _say(f"{path}: {name} is compiled")
        contest = make_contest(config, name, schema, source)
        results[name] = _time(f"{path}: {name}", contest)
    return results


def make_contest(config: config_dict.ConfigDict, name: str, schema: Schema, source: arrays.ArraySource) -> Contest:
    """Updates of "amgan", "attention" or "evaluator"; UserError where the two differ."""
    if name == "amgan":
        return _amgan_contest(config, schema, source)
    return _classifier_contest(config, name, schema, source)


def _load_config(path):
    holder = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=holder)
    try:
        holder(["", f"--config={path}"])
        return config_dict.ConfigDict(holder.config)
    except (flags.Error, OSError, AttributeError, KeyError) as error:  # what unknown files raise
        raise UserError(f"cannot load --configs={path}: {error}; name files such as configs/quickstart.py") from error


def _schema(config):
    if config.data.dataset == "synthetic_garments":
        return garments.SCHEMA
    return Schema.from_json((_ROOT / "data" / "photo_schema.json").read_text())


def noise_source(config: config_dict.ConfigDict, schema: Schema) -> arrays.ArraySource:
    """As many images of noise as the largest batch has, some of their values unknown."""
    rng = np.random.default_rng(0)
    count = max(config[name].batch_size for name in ("amgan", *CLASSIFIERS))
    image = rng.uniform(-1.0, 1.0, (count, *networks.image_size(config, "evaluator"), 3)).astype(np.float32)
    label = np.stack([rng.integers(0, n, count) for n in schema.value_counts], axis=1).astype(np.int32)
    label[rng.random(label.shape) < 0.1] = UNKNOWN
    return arrays.ArraySource(schema, {"train": arrays.Split(image, label)})


def random_like(shapes: Any, seed: int) -> Any:
    """Parameters and batch statistics of given shapes, none of which is zero, as initial ones may be."""
    rng = np.random.default_rng(seed)

    def draw(path, shape):
        normal = rng.normal(size=shape.shape)
        if path[-1].key == "kernel":
            return (normal * np.sqrt(2.0 / np.prod(shape.shape[:-1]))).astype(np.float32)
        return (0.1 * normal + (path[-1].key in ("scale", "var"))).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def _amgan_contest(config, schema, source):
    import torch

    import torch_twin

    shapes = jax.eval_shape(lambda: state.init_classifier(config, "attention", schema).variables)
    attention = random_like(shapes, 0)
    start = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), jax.eval_shape(lambda: state.init_amgan(config, schema)))
    generator = random_like(start.generator, 1)
    discriminators = random_like(start.discriminators, 2)
    start = start.replace(generator=generator, discriminators=discriminators, ema=jax.tree.map(np.copy, generator))
    batch = next(source.amgan_batches(config, 0))
    outputs = jax.jit(functools.partial(_amgan_outputs, config, schema))(start, attention, batch)
    step = parallel.map_step(functools.partial(steps.amgan_step, config, schema), frozen=1)
    updates = _updates(step, parallel.replicate(start), parallel.replicate(attention), parallel.shard(batch, 1))
    train_state, metrics = next(updates)
    contest, mix = {"ours": functools.partial(next, updates)}, torch.from_numpy(np.array(_mix(config)))
    for layout in torch_twin.LAYOUTS:
        name = f"amgan, {layout}"
        twin = torch_twin.Amgan(config, schema, attention, start, layout)
        theirs = torch_twin.to_batch(batch, layout)
        _check(name, _as_torch_has(outputs), _twin_outputs(twin, theirs, schema), *_OUTPUTS)
        _check(name, _numpy(metrics), _numpy(twin.update(theirs, mix)), *_OUTPUTS)
        _check(name, *_amgan_moments(train_state, twin), *_GRADIENTS)
        contest[layout] = functools.partial(twin.update, theirs)
    return contest


def _updates(step, train_state, *inputs) -> Iterator[tuple[Any, Any]]:
    """An endless training on one batch: (state, metrics); a state is gone with the next one."""
    while True:
        train_state, metrics = step(train_state, *inputs)
        yield train_state, jax.block_until_ready(metrics)


def _mix(config):
    """What the gradient penalty of the first update mixes with, which `amgan_step` draws within a mapped step."""
    draw = lambda _: jax.vmap(jax.random.uniform)(  # noqa: E731
        parallel.example_keys(config.seed, 0, 0, config.amgan.batch_size)
    )
    return jax.vmap(draw, axis_name=parallel.AXIS)(jnp.zeros(1))[0]


def _amgan_outputs(config, schema, start, attention, batch):
    """What our networks make of a batch, by name."""
    frozen = steps.FrozenNetwork(config, schema, attention)
    counts, label, target = schema.value_counts, batch["label"], batch["target"]
    condition = encoding.condition(label, target, counts, config.amgan.condition)
    network, variables = networks.build_generator(config, schema), {"params": start.generator}
    output = network.apply(variables, batch["image"], condition, encoding.changed(label, target))
    look, discriminator = frozen.look(batch["reference"]), networks.build_discriminator(config, schema)
    outputs = {**output._asdict(), "attention's view": look.view, "attention's logits": look.logits}
    for name, params in start.discriminators.items():
        scores, logits = discriminator.apply({"params": params}, look.view, encoding.one_hot(target, counts))
        outputs |= {f"{name} scores": scores, f"{name} logits": logits}
    return outputs


def _twin_outputs(twin, batch, schema):
    import torch

    with torch.no_grad():
        edit = twin.edit(batch["image"], batch["label"], batch["target"])
        look = twin.look(batch["reference"])
        outputs = dict(zip(("edited", "mask", "masks"), edit, strict=True))
        outputs |= {"attention's view": look.view, "attention's logits": look.logits}
        values = torch.from_numpy(np.array(encoding.one_hot(batch["target"].numpy(), schema.value_counts)))
        for name, discriminator in twin.discriminators.items():
            scores, logits = discriminator(look.view, values)
            outputs |= {f"{name} scores": scores, f"{name} logits": logits}
    return _numpy(outputs)


def _amgan_moments(train_state, twin):
    """Our and the twin's running means of gradients, by the twin's names of parameters."""
    import torch_networks

    mean = functools.partial(optax.tree_utils.tree_get, key="mu")
    ours = torch_networks.to_torch(twin.generator, mean(train_state.generator_optimizer))
    for name, tree in mean(train_state.discriminator_optimizer).items():
        tensors = torch_networks.to_torch(twin.discriminators[name], tree)
        ours |= {f"{name}.{key}": tensor for key, tensor in tensors.items()}
    pairs = ((twin.generator, twin.generator_optimizer), (twin.discriminators, twin.discriminator_optimizer))
    moments = {key: mean for network, optimizer in pairs for key, mean in optimizer.moments(network).items()}
    return _gradients(ours), _gradients(moments)


def _classifier_contest(config, name, schema, source):
    import torch

    import torch_networks
    import torch_twin

    shapes = jax.eval_shape(lambda: state.init_classifier(config, name, schema))
    start = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    start = start.replace(variables=random_like(shapes.variables, 0))
    length = networks.Length(100_000, 100)  # which never ends; the warm-up of most configs
    batch = next(source.classifier_batches(config, name, 0))
    outputs = jax.jit(networks.build_classifier(config, name, schema).apply)(start.variables, batch["image"])
    step = parallel.map_step(functools.partial(steps.classifier_step, config, name, schema, length))
    updates = _updates(step, parallel.replicate(start), parallel.shard(batch, 1))
    train_state, metrics = next(updates)
    mean, contest = optax.tree_utils.tree_get(train_state.optimizer, "mu"), {"ours": functools.partial(next, updates)}
    for layout in torch_twin.LAYOUTS:
        twin = torch_twin.Classifier(config, name, schema, start, length, layout)
        theirs, tell = torch_twin.to_batch(batch, layout), f"{name}, {layout}"
        with torch.no_grad():
            logits, _ = twin.network.eval()(theirs["image"])
        _check(tell, _numpy({"logits": outputs.logits}), _numpy({"logits": logits}), *_OUTPUTS)
        _check(tell, _numpy(metrics), _numpy(twin.update(theirs)), *_OUTPUTS)
        means, moments = torch_networks.to_torch(twin.network, mean), twin.optimizer.moments(twin.network)
        deep = config[name].architecture in efficientnet.ARCHITECTURES
        _check(tell, _gradients(means), _gradients(moments), *(_DEEP_GRADIENTS if deep else _GRADIENTS))
        contest[layout] = functools.partial(twin.update, theirs)
    return contest


def _numpy(tensors):
    return {name: np.asarray(x) for name, x in tensors.items()}


def _as_torch_has(outputs):
    """Our outputs with maps as [B, C, H, W]."""
    return {name: np.moveaxis(x, -1, 1) if x.ndim == 4 else x for name, x in _numpy(outputs).items()}


def _gradients(moments):
    return {f"gradient of {name}": x for name, x in _numpy(moments).items()}


def _check(name, ours, twins, tolerance, order):
    """Prints how far the two are apart; UserError where that is more than the tolerance."""
    if ours.keys() != twins.keys():
        raise UserError(f"{name}: PyTorch's twin lacks or has besides {', '.join(sorted(ours.keys() ^ twins.keys()))}")
    errors = {key: difference(value, twins[key], order) for key, value in ours.items()}
    for key, value in ours.items():
        if value.ndim == 0:
            _say(f"  {name} {key}: ours {value:.6f}, PyTorch's {twins[key]:.6f}, difference {errors[key]:.1e}")
    worst = max(errors, key=lambda key: errors[key])
    _say(f"{name}: the largest of {len(errors)} differences is {errors[worst]:.1e}, of {worst}")
    if not errors[worst] <= tolerance:
        raise UserError(f"{name}: {worst} differs by {errors[worst]:.1e} from PyTorch's; {tolerance} is the most")


def difference(ours: np.ndarray, twins: np.ndarray, order: float) -> float:
    """The norm of the difference, as a share of ours or, where that is smaller, of 0.001; never NaN.

    Args:
      ours: of any shape.
      twins: of the same; UserError if it is not.
      order: of the norm over all elements, see `np.linalg.norm`.
    """
    if ours.shape != twins.shape:
        raise UserError(f"ours has the shape {ours.shape}, PyTorch's {twins.shape}")
    error, size = (np.linalg.norm(x.ravel(), order) for x in (ours - twins, ours))
    share = float(error / max(1e-3, size))
    return share if np.isfinite(share) else np.inf


def _time(name, contest):
    """{"ours", "pytorch": seconds of CPU an update, "layout": PyTorch's faster one, "ratio"}."""
    rounds, seconds = (_QUICK_ROUNDS, _QUICK_SECONDS) if _QUICK.value else (_ROUNDS, _SECONDS)
    slowest = max(_turn(update, 1) for update in contest.values())  # warms up, too
    count, times = max(1, round(seconds / slowest)), {way: [] for way in contest}
    for number in range(rounds):
        for way in list(contest)[:: 1 if number % 2 else -1]:
            times[way].append(_turn(contest[way], count))
    medians = {way: statistics.median(seconds) for way, seconds in times.items()}
    told = ", ".join(f"{way} {median:.4f}" for way, median in medians.items())
    _say(f"{name}: {told} s of CPU an update; {rounds} rounds of {count} updates")
    ours = medians.pop("ours")
    layout = min(medians, key=lambda way: medians[way])
    return {
        "ours": round(ours, 4),
        "pytorch": round(medians[layout], 4),
        "layout": layout,
        "ratio": round(medians[layout] / ours, 3),
    }


def _turn(update, count):
    """CPU seconds of an update."""
    started = time.process_time()
    for _ in range(count):
        update()
    return (time.process_time() - started) / count


if __name__ == "__main__":
    cli.run(main)
