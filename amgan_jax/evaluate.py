"""Evaluation of a trained workdir on the test split, and its report."""

import logging
import pathlib

import jax

from amgan_jax import checkpoints, editor, networks, report, state
from amgan_jax.errors import UserError
from amgan_jax.evaluators import common

_log = logging.getLogger(__name__)
_SHEET_ROWS = 10


def evaluate(config, source, workdir: pathlib.Path) -> dict[str, float]:
    """Measures the newest checkpoints and writes report/. Each host does the same; the first one writes.

    Args:
      config: the experiment's.
      source: see `train.Source`; of its "test" split.
      workdir: of a training that came to its end.

    Returns:
      The flat figures of report/metrics.json.

    Raises:
      UserError: something is not trained yet, or a measure is unknown.
    """
    system = editor.load(workdir)
    context = common.Context(source.schema, system, _load_judge(config, source.schema, workdir))
    measures = [measure(context) for measure in common.find_measures(config.evaluate.measures)]
    _log.info("evaluating on the test split: %s", ", ".join(config.evaluate.measures))
    batches = source.evaluation_batches(config, "test")
    figures = common.measure(measures, context, batches, config.evaluate.seed)
    figures |= _training_figures(workdir)
    if jax.process_index() == 0:
        first = next(iter(source.evaluation_batches(config, "test")))
        sheet = report.edit_sheet(system, first["image"][:_SHEET_ROWS], first["label"][:_SHEET_ROWS])
        size = f"{config.height} x {config.width}"
        title = f"{config.data.dataset} at {size}, test images, step {figures['train/steps']}"
        report.write(workdir, figures, sheet, title)
    return figures


def check_measures(config, source) -> None:
    """Raises UserError for a measure that there is not, or that the source's images do not allow."""
    classes = common.find_measures(config.evaluate.measures)
    rendered = "nuisance" in next(iter(source.evaluation_batches(config, "test")))
    for name, measure in zip(config.evaluate.measures, classes, strict=True):
        if measure.needs_nuisance and not rendered:
            raise UserError(f"the measure {name} needs rendered garments: leave it out of evaluate.measures")


def _load_judge(config, schema, workdir):
    network = networks.build_classifier(config, "evaluator", schema)
    template = jax.eval_shape(lambda: state.init_classifier(config, "evaluator", schema))
    variables = checkpoints.restore(workdir / "evaluator", template).variables
    return lambda image: editor.classify(network, variables, image)[0]


def _training_figures(workdir):
    """Steps of AMGAN, and seconds of all three trainings."""
    progress = {name: checkpoints.progress(workdir / name) for name in ("attention", "evaluator", "amgan")}
    return {
        "train/steps": progress["amgan"][0],
        "train/seconds": sum(seconds for _, seconds in progress.values()),
    }
