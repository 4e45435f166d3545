"""The training loops: from iterators of numpy batches to final states.

Imports no TensorFlow: batches come from any `Source`.
"""

from collections.abc import Callable, Iterator
import dataclasses
import functools
import logging
import pathlib
import time
from typing import Any

import jax
import numpy as np
import tqdm

from amgan_jax import encoding, report
from amgan_jax import workdir as workdir_lib
from amgan_jax.editing import editor
from amgan_jax.errors import UserError
from amgan_jax.input import fingerprint
from amgan_jax.input.source import Source
from amgan_jax.measures import driver
from amgan_jax.metrics import MetricsWriter, is_written
from amgan_jax.models import efficientnet, networks, pretrained
from amgan_jax.training import finite, health, ownership, parallel, state, steps
from amgan_jax.training.checkpoints import Checkpoints, Restored
from amgan_jax.training.preemption import watch
from amgan_jax.types import Batch, Config, Tree

_log = logging.getLogger(__name__)
_SEEDS = 2**63  # how many JAX takes
_UNSTABLE = (
    "lower the learning rate and train in another --workdir,"
    " or leave such updates out with --config.skip_broken_updates=True"
)


@dataclasses.dataclass(frozen=True)
class Hook:
    """What happens each `interval` steps, and after the last: `call(step, state)` gives figures to log.

    A checkpoint is written before, so that a call may take long: what is cut off is called again by a resume.
    """

    interval: int
    call: Callable[[int, Any], dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Phase:
    """One training: of the attention network, the evaluator or AMGAN.

    update: maps (state, sharded batch) to (state, metrics).
    batches: from a first step to host batches.
    microbatches: in a batch, see `parallel.shard`.
    on_fresh: maps the fresh state to the one that training starts from; None for the fresh state itself.
    hooks: called in training; on all hosts of the same intervals.
    """

    name: str
    num_steps: int
    batch_size: int
    update: Callable
    batches: Callable[[int], Iterator[Batch]]
    microbatches: int = 1
    on_fresh: Callable[[Any], Any] | None = None
    hooks: tuple[Hook, ...] = ()


def train(config: Config, source: Source, workdir: pathlib.Path, new_data: str = fingerprint.REFUSE) -> None:
    """Trains the attention network, the evaluator and AMGAN, each from where the workdir has it.

    Args:
      config: the experiment's.
      source: of the batches.
      workdir: of this training.
      new_data: what to do where the workdir's work is of other data, see `fingerprint.check`.

    Raises:
      UserError: the config cannot be trained, a measure is unknown or needs other images, pretrained weights
        are wanted and not installed, the workdir holds another config's, schema's or dataset's work or is in use,
        the loss is not finite, or a checkpoint cannot be written.
    """
    check_config(config)
    check_devices(config)
    # What these raise, not after hours.
    driver.check_measures(config, source, "validation")
    jax.eval_shape(lambda: state.init_amgan(config, source.schema))
    for name in networks.CLASSIFIERS:
        if config[name].pretrained and not (workdir / name).exists():
            pretrained.locate(config[name].architecture)
    with ownership.hold(workdir):
        check_data(source, workdir, new_data)
        workdir_lib.prepare(workdir, config, source.schema, write=jax.process_index() == 0)
        if jax.process_index() == 0:
            fingerprint.write(workdir, source.fingerprint())
        parallel.wait_for_all("workdir")
        if jax.process_index() != 0:  # that it is the one that the first host has written
            workdir_lib.check(workdir, config, source.schema)
            fingerprint.check(workdir, source.fingerprint(), source.schema, fingerprint.REFUSE)
        attention = train_classifier(config, "attention", source, workdir)
        _warn_unreadable(config, source, attention.variables)
        evaluator = train_classifier(config, "evaluator", source, workdir)
        train_amgan(config, source, workdir, attention.variables, evaluator.variables)


def check_data(source: Source, workdir: pathlib.Path, new_data: str) -> None:
    """`fingerprint.check` of a source by the first host; raises on all hosts."""
    refused = ""
    if jax.process_index() == 0:
        try:
            fingerprint.check(workdir, source.fingerprint(), source.schema, new_data)
        except UserError as error:
            refused = str(error)
    refused = parallel.word_of_first_host(refused)
    if refused:
        raise UserError(refused)


def check_config(config: Config) -> None:
    """Raises UserError for a config that cannot be trained on any devices."""
    _check_ranges(config)
    parts = config.amgan.condition
    if not parts or len(set(parts)) < len(parts) or not set(parts) <= set(encoding.CONDITION_PARTS):
        raise UserError(f"amgan.condition={parts}: {', '.join(encoding.CONDITION_PARTS)}, or one of them")
    if config.generator_loss.attention and config.generator.mask in networks.SHARED_MASKS:
        raise UserError(f"generator.mask={config.generator.mask}: generator_loss.attention needs attributes")
    if config.dtype not in ("float32", "bfloat16"):
        raise UserError(f"dtype={config.dtype}: float32 or bfloat16")
    for name in networks.CLASSIFIERS:
        _check_classifier(config, name)
    for name in ("height", "width"):
        if config[name] < 4 or config[name] % 4:
            raise UserError(f"{name}={config[name]}: the generator needs a multiple of 4")
    _check_discriminators(config)
    if config.checkpoint_steps % config.log_steps:
        raise UserError(f"checkpoint_steps={config.checkpoint_steps} is not a multiple of log_steps={config.log_steps}")
    if config.sample_images > config.evaluate.batch_size:
        raise UserError(
            f"sample_images={config.sample_images}: at most evaluate.batch_size={config.evaluate.batch_size}"
        )
    for name, interval in config.evaluate.during.items():
        if interval < 0 or interval % config.log_steps:
            raise UserError(f"evaluate.during.{name}={interval} is not a multiple of log_steps={config.log_steps}")


def _check_ranges(config):
    """Raises UserError for a number that is too small or too large by itself."""
    for name in ("seed", "attention.seed", "evaluator.seed", "evaluate.seed"):
        if not 0 <= _value(config, name) < _SEEDS:
            raise UserError(f"{name}={_value(config, name)}: 0 to {_SEEDS - 1}")
    if config.data.threads < 0:
        raise UserError(f"data.threads={config.data.threads}: 1 or more, or 0 for as many as there are cores")
    counts = (
        "log_steps",
        "checkpoint_steps",
        "sample_steps",
        "sample_images",
        "evaluate.batch_size",
        "evaluate.validation_images",
        "attention.num_steps",
        "evaluator.num_steps",
        "evaluator.scale",
        "amgan.num_steps",
        "amgan.n_critic",
        "amgan.cycle_every",
    )
    for name in counts:
        if _value(config, name) < 1:
            raise UserError(f"{name} should be at least 1")
    shares = {"data.crop": 0.99, "amgan.crop": 0.99, "data.single": 1.0, "data.balance": 1.0, "amgan.ema_decay": 1.0}
    for name, largest in shares.items():
        if not 0.0 <= _value(config, name) <= largest:
            raise UserError(f"{name}={_value(config, name)}: 0 to {largest:g}")


def _value(config, name):
    """What stands under a dotted name."""
    return functools.reduce(lambda node, key: node[key], name.split("."), config)


def check_devices(config: Config) -> None:
    """Raises UserError for batches that cannot be divided over the devices that there are.

    Neighbours that are mixed, and examples that the cycle loss leaves out, must be on one device: else
    the update would depend on the number of devices.
    """
    for name, group in (
        ("attention", 2 if config.attention.mixup else 1),
        ("evaluator", 2 if config.evaluator.mixup else 1),
        ("amgan", config.amgan.cycle_every),
    ):
        parallel.check_batch_size(name, config[name].batch_size, group)


def _check_discriminators(config):
    """Raises UserError for discriminators that cannot be built."""
    height, width, _ = networks.discriminator_view_shape(config)
    smallest = 2**config.discriminator.layers
    if height % smallest or width % smallest:
        raise UserError(
            f"discriminator.layers={config.discriminator.layers}: {height} x {width} pixels cannot be halved that often"
        )


def _check_classifier(config, name):
    """Raises UserError for a classifier that cannot be built or trained."""
    networks.classifier_type(config, name)
    if config[name].mixup < 0:
        raise UserError(f"{name}.mixup={config[name].mixup}: 0 or more")
    architecture, network = config[name].architecture, config[name].network
    backbones = ", ".join(efficientnet.ARCHITECTURES)
    if name == "attention" and architecture == "plain":
        raise UserError(f"attention.architecture=plain has no activation maps: resnet, {backbones}")
    if architecture == "plain" and min(networks.image_size(config, name)) < 2 ** len(network.widths):
        height, width = networks.image_size(config, name)
        raise UserError(
            f"{name}.network: {height} x {width} pixels cannot be halved {len(network.widths)} times, once a width"
        )
    if architecture == "resnet" and len(network.widths) != len(network.strides):
        raise UserError(f"{name}.network: {len(network.widths)} widths but {len(network.strides)} strides")
    if architecture in efficientnet.ARCHITECTURES and network.output_stride not in efficientnet.OUTPUT_STRIDES:
        valid = ", ".join(map(str, efficientnet.OUTPUT_STRIDES))
        raise UserError(f"{name}.network.output_stride={network.output_stride}: {valid}")
    if config[name].pretrained and architecture not in efficientnet.ARCHITECTURES:
        raise UserError(
            f"{name}.pretrained: there are no weights of a {architecture}; set it to False,"
            f" or {name}.architecture to one of {backbones}"
        )


def train_classifier(config: Config, name: str, source: Source, workdir: pathlib.Path) -> state.ClassifierState:
    """Trains the attention network or the evaluator, to its final ClassifierState."""
    step = functools.partial(steps.classifier_step, config, name, source.schema)
    phase = Phase(
        name=name,
        num_steps=config[name].num_steps,
        batch_size=config[name].batch_size,
        update=parallel.map_step(finite.skipping(step) if config.skip_broken_updates else step),
        batches=lambda first_step: source.classifier_batches(config, name, first_step),
        on_fresh=_lay_over_pretrained(config[name].architecture) if config[name].pretrained else None,
    )
    return run(phase, config, workdir, lambda: state.init_classifier(config, name, source.schema))


def train_amgan(
    config: Config, source: Source, workdir: pathlib.Path, attention_variables: Tree, evaluator_variables: Tree
) -> state.TrainState:
    """Trains AMGAN against a frozen attention network, to its final TrainState.

    The evaluator's variables only read validation images now and then, for measures and sample sheets: no loss
    sees them.
    """
    attention_variables, evaluator_variables = jax.device_get((attention_variables, evaluator_variables))
    hooks = _hooks(config, source, workdir, attention_variables, evaluator_variables)
    attention_variables = parallel.replicate(attention_variables)
    step = functools.partial(steps.amgan_step, config, source.schema)
    update = parallel.map_step(finite.skipping(step) if config.skip_broken_updates else step, frozen=1)
    phase = Phase(
        name="amgan",
        num_steps=config.amgan.num_steps,
        batch_size=config.amgan.batch_size,
        update=lambda state, batch: update(state, attention_variables, batch),
        batches=lambda first_step: source.amgan_batches(config, first_step),
        microbatches=config.amgan.n_critic,
        hooks=hooks,
    )
    return run(phase, config, workdir, lambda: state.init_amgan(config, source.schema))


def run(phase: Phase, config: Config, workdir: pathlib.Path, init: Callable) -> Any:
    """Runs a phase from its newest checkpoint, or from the state that `init()` makes, to its final state.

    Raises:
      UserError: the loss is not finite, a checkpoint cannot be written, or the workdir has been taken over.
    """
    checkpoints = Checkpoints(workdir / phase.name)
    train_state, seconds, window = _start(checkpoints, init, phase.on_fresh)
    first_step = int(train_state.step)
    # A checkpoint is written before the hooks and the metrics of its step, which a signal may have cut off.
    owed = bool(window) and not is_written(workdir, phase.name, first_step)
    if first_step >= phase.num_steps and not owed:
        checkpoints.close()
        return train_state
    writer = MetricsWriter(workdir, phase.name, first_step) if jax.process_index() == 0 else None
    started = time.monotonic() - seconds
    with _progress_bar(phase, first_step) as bar:
        finish = functools.partial(_finish_step, phase, config, writer, bar)
        window = finish(first_step, train_state, window) if owed else []
        batches = phase.batches(first_step)
        for step in range(first_step + 1, phase.num_steps + 1):
            train_state, metrics = phase.update(train_state, parallel.shard(next(batches), phase.microbatches))
            watch.stepped()
            window.append(metrics)
            # Waiting for the step before the last keeps the device busy and the queue short.
            if len(window) > 1:
                jax.block_until_ready(window[-2])
            bar.update(phase.batch_size)
            stop = watch.should_save()
            if stop or _is_due(phase, step, config.checkpoint_steps) or _due_hooks(phase, step):
                window = _save(phase, workdir, checkpoints, step, train_state, time.monotonic() - started, window)
                if stop:
                    watch.leave()
            window = finish(step, train_state, window)
    checkpoints.close()
    if writer:
        writer.close()
    return train_state


def _save(phase, workdir, checkpoints, step, train_state, seconds, window):
    """Writes the checkpoint of a step; returns the window's metrics as numbers. UserError where they are not finite."""
    window = _fetch(phase, step, window)
    _check_finite(phase, step, train_state, checkpoints)
    ownership.check(workdir)
    checkpoints.save(train_state, seconds, window)
    watch.saved()
    return window


def _is_due(phase, step, interval):
    return step % interval == 0 or step == phase.num_steps


def _due_hooks(phase, step):
    return [hook for hook in phase.hooks if _is_due(phase, step, hook.interval)]


def _finish_step(phase, config, writer, bar, step, train_state, window):
    """Does what is due after a step; returns the window, emptied if it is written."""
    figures = {n: f for hook in _due_hooks(phase, step) for n, f in hook.call(step, train_state).items()}
    if not _is_due(phase, step, config.log_steps):
        return window
    _write_window(phase, step, _fetch(phase, step, window), figures, writer, bar)
    return []


def _start(checkpoints, init, on_fresh):
    """The newest checkpoint where there is one, else the fresh state: see `checkpoints.Restored`."""
    if checkpoints.latest_step() is not None:
        return checkpoints.restore(jax.eval_shape(init))
    fresh = jax.jit(init)()
    return Restored(parallel.replicate(on_fresh(fresh) if on_fresh else fresh), 0.0, [])


def _lay_over_pretrained(architecture: str) -> Callable[[state.ClassifierState], state.ClassifierState]:
    """The optimizer's state stays, as its moments start at zero for any weights."""
    return lambda fresh: fresh.replace(variables=pretrained.lay_over(architecture, fresh.variables))


def _fetch(phase, step, window):
    """A window's metrics as numbers; UserError where they are not finite."""
    window = [{name: float(value) for name, value in metrics.items()} for metrics in jax.device_get(window)]
    broken = [(name, value) for metrics in window for name, value in metrics.items() if not np.isfinite(value)]
    if broken:
        name, value = broken[0]
        raise UserError(f"{phase.name}: {name} is {value} at step {step}: {_UNSTABLE}")
    return window


def _check_finite(phase, step, train_state, checkpoints):
    """Raises UserError for a state that a checkpoint should not hold: metrics are of before the last update."""
    broken = finite.broken_part(train_state)
    if broken:
        last = checkpoints.latest_step()
        kept = "nothing is saved" if last is None else f"the checkpoint of step {last} stays"
        raise UserError(f"{phase.name}: {broken} is not finite after step {step}, {kept}: {_UNSTABLE}")


def _write_window(phase, step, window, figures, writer, bar):
    """Writes the mean over a window of metrics, and the hooks' figures; UserError where every update was skipped."""
    means, skipped = finite.mean(window), finite.skipped_for(window)
    if len(skipped) == len(window):
        raise UserError(f"{phase.name}: all updates since step {step - len(window)} were skipped: {_UNSTABLE}")
    if skipped:
        _log.warning("step %d: %d updates skipped, not finite: %s", step, len(skipped), ", ".join(sorted(set(skipped))))
    if writer:
        writer.write(step, means | figures)
    shown = health.headline(phase.name, means)
    bar.set_postfix_str(" ".join(f"{name}={value:.3g}" for name, value in shown.items()), refresh=False)
    for warning in health.diagnose(phase.name, step, means):
        _log.warning("%s", warning)


def _progress_bar(phase, first_step):
    images = phase.batch_size
    return tqdm.tqdm(
        desc=phase.name,
        total=phase.num_steps * images,
        initial=first_step * images,
        unit="images",
        mininterval=2.0,
        disable=jax.process_index() != 0,
    )


def _hooks(config, source, workdir, attention_variables, evaluator_variables):
    """Sample sheets, and the measures that the config wants while training, by their interval."""
    measures = {}
    for name, interval in config.evaluate.during.items():
        if interval:
            measures.setdefault(interval, []).append(name)
    if jax.process_index() != 0:  # but all hosts save before the first one calls a hook
        return tuple(Hook(interval, lambda step, train_state: {}) for interval in (config.sample_steps, *measures))

    # Once, not at each measure.
    classifiers = jax.device_put({"attention": attention_variables, "evaluator": evaluator_variables})

    def system_of(train_state):
        return editor.Editor(config, source.schema, jax.device_get(train_state.ema), classifiers)

    judge = driver.build_judge(config, source.schema, classifiers["evaluator"])
    validators = [Hook(interval, _validator(config, source, system_of, judge, n)) for interval, n in measures.items()]
    return (Hook(config.sample_steps, _sampler(config, source, workdir, system_of)), *validators)


def _validator(config, source, system_of, judge, names):
    """Measures validation images and their edits at a step: figures under "validation/"."""

    def call(step, train_state):
        del step
        figures = driver.measure(config, source, "validation", system_of(train_state), judge, names).figures
        return {f"validation/{name}": figure.value for name, figure in figures.items()}

    return call


def _sampler(config, source, workdir, system_of):
    """Draws a sheet of the first validation images and their edits at a step."""
    batch = next(iter(source.evaluation_batches(config, "validation")))
    image, label = (batch[name][batch["valid"]][: config.sample_images] for name in ("image", "label"))

    def draw(step, train_state):
        sheet = report.edit_sheet(system_of(train_state), image, label)
        draw_ = functools.partial(report.draw_sheet, sheet, title=f"step {step}")
        report.try_to_draw(draw_, workdir / "samples" / f"{step}.png")
        for warning in health.diagnose_samples(step, sheet):
            _log.warning("%s", warning)
        return {}

    return draw


def _warn_unreadable(config, source, attention_variables):
    """Warns of attributes that the attention network cannot read on validation images."""
    if jax.process_index() != 0:
        return
    variables = jax.device_put(jax.device_get(attention_variables))  # on one device
    predicted, label = [], []
    for batch in source.evaluation_batches(config, "validation"):
        logits = editor.apply_classifier(config, source.schema, "attention", variables, batch["image"]).logits
        predicted.append(editor.most_likely(logits, source.schema)[0][batch["valid"]])
        label.append(batch["label"][batch["valid"]])
    predicted, label = np.concatenate(predicted), np.concatenate(label)
    for warning in health.diagnose_classifier(source.schema, predicted, label):
        _log.warning("%s", warning)
