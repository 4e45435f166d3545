"""Evaluation of a system: on validation images while it trains, on test images at the end."""

from collections.abc import Iterable
import copy
import itertools
import logging
import math
import pathlib
from typing import NamedTuple

import jax
import numpy as np

from amgan_jax import report
from amgan_jax import workdir as workdir_lib
from amgan_jax.bundles import provenance
from amgan_jax.editing import editor
from amgan_jax.errors import UserError
from amgan_jax.input.source import Source
from amgan_jax.measures import contract, feed
from amgan_jax.models import layers, networks
from amgan_jax.schema import Schema
from amgan_jax.types import Config, Tree

_log = logging.getLogger(__name__)
_SHEET_ROWS = 10


def evaluate(config: Config, source: Source, workdir: pathlib.Path) -> dict[str, float]:
    """Measures the newest checkpoints on the test split and writes report/.

    Each host does the same; the first one writes.

    Args:
      config: the experiment's.
      source: see `input.source.Source`.
      workdir: of a training that came to its end; or a bundle with the evaluator.

    Returns:
      The flat figures of report/metrics.json.

    Raises:
      UserError: something is not trained yet, or missing in a bundle; a measure is unknown or needs other images;
        or a figure is not finite.
    """
    check_measures(config, source, "test")
    config = as_trained(config, workdir)
    system = editor.load(workdir)
    if "evaluator" not in system.classifiers:
        raise UserError(f"{workdir} is a bundle without the evaluator, which judges edits: export it with --evaluator")
    judge = build_judge(config, source.schema, system.classifiers["evaluator"])
    config = settle(config, source, system, judge)
    system = editor.Editor(config, source.schema, system.generator, system.classifiers)
    names = config.evaluate.measures
    _log.info("evaluating on the test split: %s", ", ".join(names))
    measured = measure(config, source, "test", system, judge, names)
    figures = {name: f.value for name, f in measured.figures.items()} | _training_figures(workdir)
    if jax.process_index() == 0:
        first = next(iter(source.evaluation_batches(config, "test")))
        image, label = (first[name][first["valid"]][:_SHEET_ROWS] for name in ("image", "label"))
        size = f"{config.height} x {config.width}"
        title = f"{config.data.dataset} at {size}, test images, step {figures['train/steps']}"
        if config.evaluate.read_source:
            label, title = system.classify(image, ("attention",))[0], f"{title}, values read off the images"
        report.write(workdir, figures, measured, report.edit_sheet(system, image, label), title)
        workdir_lib.prepare(workdir, config, source.schema, write=True)  # the settings that the report is of
    return figures


def as_trained(config: Config, workdir: pathlib.Path) -> Config:
    """The config without a foreground head where a workdir's system has none, whether its data has masks by now or not.

    Raises:
      UserError: it is not a workdir.
    """
    trained, _ = workdir_lib.load(workdir)
    return networks.settle_foreground(config, networks.learns_foreground(trained, "attention"))


def settle(config: Config, source: Source, system: editor.Editor, judge: contract.Judge) -> Config:
    """The config with `edit.in_turn` as the share of exact edits of validation images says.

    Where the config says it itself, or edits are not to be measured by their number of attributes, it stays as it is.
    Arguments as those of `measure`.
    """
    if config.edit.in_turn is not None or "edits_by_count" not in config.evaluate.measures:
        return config
    settled = copy.deepcopy(config)
    _log.info("evaluating on the validation split: whether to edit several attributes in one pass")
    figures = measure(config, source, "validation", system, judge, ("edits_by_count",)).figures
    settled.edit.in_turn = tuple(
        count
        for count in range(2, 1 + len(source.schema.attributes))
        if f"edits/k{count}/exact" in figures
        and figures[f"edits/k{count}/in_turn/exact"].value > figures[f"edits/k{count}/exact"].value
    )
    return settled


class Measured(NamedTuple):
    """What measures gave, by name."""

    figures: dict[str, contract.Figure]
    tables: dict[str, contract.Table]
    charts: dict[str, contract.Chart]


def measure(
    config: Config, source: Source, split: str, system: editor.Editor, judge: contract.Judge, names: Iterable[str]
) -> Measured:
    """Measures a system on a split.

    Args:
      config: the experiment's; `config.evaluate` has the seed of the target values, where edits start from,
        and how many validation images are measured at most.
      source: see `input.source.Source`.
      split: "validation" or "test".
      system: an `editor.Editor`.
      judge: see `contract.Context`.
      names: of the measures.

    Raises:
      UserError: a measure is unknown, or a figure is not finite.
    """
    queries = source.queries if split == "test" else None  # which are published for test images
    context = contract.Context(source.schema, system, judge, queries, config.evaluate.read_source)
    measures = [measure_class(context) for measure_class in contract.find_measures(names)]
    batches = source.evaluation_batches(config, split)
    if split == "validation":
        batches = itertools.islice(batches, math.ceil(config.evaluate.validation_images / config.evaluate.batch_size))
    feed.feed(measures, context, batches, config.evaluate.seed)
    tables = {name: table for m in measures for name, table in m.tables().items()}
    charts = {name: chart for m in measures for name, chart in m.charts().items()}
    return Measured(results(measures), tables, charts)


def build_judge(config: Config, schema: Schema, variables: Tree) -> contract.Judge:
    """The evaluator as a function of images to what it sees; see `contract.Context`."""

    def judge(image):
        classification = editor.apply_classifier(config, schema, "evaluator", variables, image)
        label, _ = editor.most_likely(classification.logits, schema)
        features = layers.spatial_mean(classification.feature_maps[-1])
        return contract.Reading(label, *jax.device_get((features, classification.feature_maps)))

    return judge


def check_measures(config: Config, source: Source, split: str) -> None:
    """Raises UserError for a measure that there is not, or that the images of a split do not allow."""
    names = (*config.evaluate.measures, *config.evaluate.during)
    rendered = "nuisance" in next(iter(source.evaluation_batches(config, split)))
    for name, measure_class in zip(names, contract.find_measures(names), strict=True):
        if measure_class.needs_nuisance and not rendered:
            raise UserError(f"the measure {name} needs rendered garments: leave it out of config.evaluate")


def results(measures: list[contract.BaseMeasure]) -> dict[str, contract.Figure]:
    """The figures of all measures; UserError where one is not finite."""
    figures = {name: figure for m in measures for name, figure in m.result().items()}
    for name, figure in figures.items():
        if not np.isfinite(figure.value):
            raise UserError(f"{name} is {figure.value}, not a finite number: is the generator trained, and finite?")
    return figures


def _training_figures(workdir):
    """Steps of AMGAN, and seconds of all three trainings."""
    history = provenance.of(workdir)
    return {"train/steps": history["steps"]["amgan"], "train/seconds": history["seconds"]}
