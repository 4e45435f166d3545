"""A whole experiment: the trainings of a workdir, one after another, with measures on the way.

Imports no TensorFlow: batches come from any `Source`.
"""

from collections.abc import Callable
import functools
import logging
import pathlib

import jax
import numpy as np

from amgan_jax import report
from amgan_jax import workdir as workdir_lib
from amgan_jax.editing import editor
from amgan_jax.errors import UserError
from amgan_jax.input import fingerprint
from amgan_jax.input.source import Source
from amgan_jax.measures import driver
from amgan_jax.models import networks, pretrained
from amgan_jax.training import checks, finite, health, loop, ownership, parallel, state, steps
from amgan_jax.types import Config, Tree
from amgan_jax.workdir import CLASSIFIERS

_log = logging.getLogger(__name__)

_NO_MASKS = (
    "the dataset has no masks of where the garments are, so an edit keeps to where its values are seen: with masks,"
    " a new colour would cover the garment to its edge. docs/masks.md says how to make them"
)


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
    if workdir_lib.is_bundle(workdir):
        raise UserError(f"{workdir} is a bundle, which cannot be trained further: name the --workdir of a training")
    checks.check_config(config)
    checks.check_devices(config)
    config = _settle_foreground(config, source)
    # What these raise, not after hours.
    driver.check_measures(config, source, "validation")
    jax.eval_shape(lambda: state.init_amgan(config, source.schema))
    for name in CLASSIFIERS:
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


def _settle_foreground(config, source):
    """`networks.settle_foreground`, which says so; UserError for attributes in config.amgan that the schema lacks."""
    networks.whole(config, source.schema)
    networks.recolors(config, source.schema)
    settled = networks.settle_foreground(config, source.has_foreground)
    if settled is not config:
        _log.info(_NO_MASKS)
    return settled


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


def train_classifier(config: Config, name: str, source: Source, workdir: pathlib.Path) -> state.ClassifierState:
    """Trains the attention network or the evaluator, to its final ClassifierState."""
    length = networks.classifier_length(config, name, int(source.fingerprint()["train"]["photos"]))
    step = functools.partial(steps.classifier_step, config, name, source.schema, length)
    phase = loop.Phase(
        name=name,
        num_steps=length.num_steps,
        batch_size=config[name].batch_size,
        update=parallel.map_step(finite.skipping(step) if config.skip_broken_updates else step),
        batches=lambda first_step: source.classifier_batches(config, name, first_step),
        on_fresh=_lay_over_pretrained(config[name].architecture) if config[name].pretrained else None,
        stays=True,
    )
    return loop.run(phase, config, workdir, lambda: state.init_classifier(config, name, source.schema))


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
    phase = loop.Phase(
        name="amgan",
        num_steps=config.amgan.num_steps,
        batch_size=config.amgan.batch_size,
        update=lambda state, batch: update(state, attention_variables, batch),
        batches=lambda first_step: source.amgan_batches(config, first_step),
        microbatches=config.amgan.n_critic,
        hooks=hooks,
    )
    return loop.run(phase, config, workdir, lambda: state.init_amgan(config, source.schema))


def _lay_over_pretrained(architecture: str) -> Callable[[state.ClassifierState], state.ClassifierState]:
    """The optimizer's state stays, as its moments start at zero for any weights."""
    return lambda fresh: fresh.replace(variables=pretrained.lay_over(architecture, fresh.variables))


def _hooks(config, source, workdir, attention_variables, evaluator_variables):
    """Sample sheets, and the measures that the config wants while training, by their interval."""
    measures = {}
    for name, interval in config.evaluate.during.items():
        if interval:
            measures.setdefault(interval, []).append(name)
    if jax.process_index() != 0:  # but all hosts save before the first one calls a hook
        return tuple(loop.Hook(interval, lambda step, train_state: {}) for interval in (config.sample_steps, *measures))

    # Once, not at each measure.
    classifiers = jax.device_put({"attention": attention_variables, "evaluator": evaluator_variables})

    def system_of(train_state):
        return editor.Editor(config, source.schema, jax.device_get(train_state.ema), classifiers)

    judge = driver.build_judge(config, source.schema, classifiers["evaluator"])
    validators = [
        loop.Hook(interval, _validator(config, source, system_of, judge, n)) for interval, n in measures.items()
    ]
    return (loop.Hook(config.sample_steps, _sampler(config, source, workdir, system_of)), *validators)


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
