"""Evaluation of a system: on validation images while it trains, on test images at the end."""

import itertools
import logging
import math
import pathlib

import jax

from amgan_jax import checkpoints, editor, networks, report
from amgan_jax.errors import UserError
from amgan_jax.evaluators import common
from amgan_jax.models import layers

_log = logging.getLogger(__name__)
_SHEET_ROWS = 10


def evaluate(config, source, workdir: pathlib.Path) -> dict[str, float]:
    """Measures the newest checkpoints on the test split and writes report/.

    Each host does the same; the first one writes.

    Args:
      config: the experiment's.
      source: see `train.Source`.
      workdir: of a training that came to its end.

    Returns:
      The flat figures of report/metrics.json.

    Raises:
      UserError: something is not trained yet, a measure is unknown or needs other images, or a figure is not finite.
    """
    check_measures(config, source, "test")
    system = editor.load(workdir)
    judge = build_judge(config, source.schema, system.classifiers["evaluator"])
    names = config.evaluate.measures
    _log.info("evaluating on the test split: %s", ", ".join(names))
    figures, tables = measure(config, source, "test", system, judge, names)
    intervals = {name: (f.low, f.high) for name, f in figures.items() if f.low is not None}
    figures = {name: f.value for name, f in figures.items()} | _training_figures(workdir)
    if jax.process_index() == 0:
        first = next(iter(source.evaluation_batches(config, "test")))
        image, label = (first[name][first["mask"]][:_SHEET_ROWS] for name in ("image", "label"))
        size = f"{config.height} x {config.width}"
        title = f"{config.data.dataset} at {size}, test images, step {figures['train/steps']}"
        if config.evaluate.read_source:
            label, title = system.classify(image)[0], f"{title}, values read off the images"
        sheet = report.edit_sheet(system, image, label)
        report.write(workdir, figures, intervals, tables, sheet, title)
    return figures


def measure(config, source, split: str, system, judge, names):
    """Measures a system on a split.

    Args:
      config: the experiment's; `config.evaluate` has the seed of the target values, where edits start from,
        and how many validation images are measured at most.
      source: see `train.Source`.
      split: "validation" or "test".
      system: an `editor.Editor`.
      judge: see `common.Context`.
      names: of the measures.

    Returns:
      ({name: common.Figure}, {name: common.Table}).

    Raises:
      UserError: a measure is unknown, or a figure is not finite.
    """
    queries = source.queries if split == "test" else None  # which are published for test images
    context = common.Context(source.schema, system, judge, queries, config.evaluate.read_source)
    measures = [measure_class(context) for measure_class in common.find_measures(names)]
    batches = source.evaluation_batches(config, split)
    if split == "validation":
        batches = itertools.islice(batches, math.ceil(config.evaluate.validation_images / config.evaluate.batch_size))
    common.measure(measures, context, batches, config.evaluate.seed)
    return common.results(measures), {name: table for m in measures for name, table in m.tables().items()}


def build_judge(config, schema, variables):
    """The evaluator as a function of images to what it sees; see `common.Context`."""

    def judge(image):
        classification = editor.apply_classifier(config, schema, "evaluator", variables, image)
        label, _ = editor.most_likely(classification.logits, schema)
        features = layers.spatial_mean(classification.features[-1])
        return common.Reading(label, *jax.device_get((features, classification.features)))

    return judge


def check_measures(config, source, split: str) -> None:
    """Raises UserError for a measure that there is not, or that the images of a split do not allow."""
    names = (*config.evaluate.measures, *config.evaluate.during)
    rendered = "nuisance" in next(iter(source.evaluation_batches(config, split)))
    for name, measure_class in zip(names, common.find_measures(names), strict=True):
        if measure_class.needs_nuisance and not rendered:
            raise UserError(f"the measure {name} needs rendered garments: leave it out of config.evaluate")


def _training_figures(workdir):
    """Steps of AMGAN, and seconds of all three trainings."""
    progress = {name: checkpoints.progress(workdir / name) for name in (*networks.CLASSIFIERS, "amgan")}
    return {
        "train/steps": progress["amgan"][0],
        "train/seconds": sum(seconds for _, seconds in progress.values()),
    }
