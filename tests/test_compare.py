"""The comparison: what it collects, and what it refuses."""

import contextlib
import json
import shutil

import jax
import pytest

from amgan_jax import workdir
from amgan_jax.training import checkpoints, ownership, parallel, state
from tests import helpers


@pytest.fixture
def compared(tmp_path, trained_workdir):
    """Where the tiny config was trained with two seeds already."""
    for seed in range(2):
        shutil.copytree(trained_workdir, tmp_path / f"tiny-{seed}")
        path = tmp_path / f"tiny-{seed}" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": seed}))
    return tmp_path


def _compare(folder, *arguments):
    return helpers.run(
        "benchmarks/compare.py", f"--workdir={folder}", f"--output={folder / 'out' / 'compare.json'}",
        "--configs=configs/tiny.py", "--seeds=2", *arguments,
    )  # fmt: skip


def test_what_is_trained_already_is_collected_with_a_value_a_seed(compared, trained_workdir, data_dir):
    result = _compare(compared, "--", f"--config.data.data_dir={data_dir}")
    assert result.returncode == 0, result.stderr
    figures = json.loads((compared / "out" / "compare.json").read_text())
    report = json.loads((trained_workdir / "report" / "metrics.json").read_text())
    assert figures == {"tiny": {name: [value, value] for name, value in report.items()}}
    page = (compared / "out" / "compare.md").read_text()
    assert f"| tiny | **{report['edit_accuracy/mean']:.3f}** ± 0.000 |" in page
    assert "| tiny | 8 | 1.00 |" in page and f"**{report['edits/k2/all']:.3f}** ± 0.000" in page
    assert {p.name for p in (compared / "out").glob("*.png")} == {"compare.png", "compare_edits.png"}


def test_a_config_that_changed_since_the_comparison_began_is_refused(compared, data_dir):
    result = _compare(compared, "--", f"--config.data.data_dir={data_dir}", "--config.amgan.batch_size=8")
    helpers.assert_refused(result, "tiny-0 holds work with another config: amgan.batch_size was 4, is 8")


def test_configs_that_are_not_alike_are_refused(compared, data_dir):
    more = (f"--config.data.data_dir={data_dir}", "--config.data.threads=1")  # which make no difference
    result = _compare(compared, "--configs=configs/tiny.py,configs/quickstart.py", "--", *more)
    helpers.assert_refused(result, "quickstart-0 has another attention.batch_size than tiny-0")


def test_the_verdict_is_on_the_best_baseline_and_its_variants():
    edits = {"amgan": 0.6, "stargan": 0.3, "stargan_twice": 0.5, "no_regional": 0.7}
    figures = {name: {"edit_accuracy/mean": [value], "edits/k2/all": [value]} for name, value in edits.items()}
    code = f"import sys; sys.path.insert(0, 'benchmarks'); import compare; print(compare.verdict({figures}))"
    assert (
        "k = 2: amgan gets all right 1.20 times as often as the best baseline, stargan_twice"
        in helpers.run("-c", code).stdout
    )


def test_a_figure_that_is_not_finite_is_refused(compared, data_dir):
    path = compared / "tiny-1" / "report" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"edit_accuracy/mean": float("inf")}))
    result = _compare(compared, "--", f"--config.data.data_dir={data_dir}")
    helpers.assert_refused(result, "tiny: edit_accuracy/mean is", "not finite")


def test_systems_with_classifiers_of_their_own_are_refused(compared, data_dir):
    config, schema = workdir.load(compared / "tiny-1")
    shapes = jax.eval_shape(lambda: state.init_classifier(config, "evaluator", schema))
    evaluator = checkpoints.restore(compared / "tiny-1" / "evaluator", shapes)
    shutil.rmtree(compared / "tiny-1" / "evaluator")
    another = evaluator.replace(variables=jax.tree.map(lambda x: x + 1e-3, evaluator.variables))
    with contextlib.closing(checkpoints.Checkpoints(compared / "tiny-1" / "evaluator")) as new:
        new.save(parallel.replicate(another), seconds=1.0)
    result = _compare(compared, "--", f"--config.data.data_dir={data_dir}")
    helpers.assert_refused(result, "tiny-1 has another evaluator than tiny-0: compare like with like")


def test_an_evaluation_with_other_settings_leaves_no_old_figures_when_it_is_stopped(compared, data_dir):
    """They would be taken for what the new settings gave, as the workdir has the new config by then."""
    overrides = (f"--config.data.data_dir={data_dir}", "--config.evaluate.seed=9")
    with ownership.hold(compared / "tiny-0"):  # so that a training stops there
        result = _compare(compared, "--", *overrides)
    assert "tiny-0 ended with exit status 2; the same command goes on from there" in result.stderr
    assert not (compared / "tiny-0" / "report" / "metrics.json").exists()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("configs/compare.py:cyclegan", "unknown system 'cyclegan'"),
        ("configs/none.py", "cannot load configs/none.py"),
        ("configs/compare.py:amgan,configs/compare_products_64.py:amgan", "two of these have the same name"),
    ],
)
def test_an_unknown_system_or_config_is_refused(tmp_path, config, said):
    # Without a path to the configs, as users call it.
    result = helpers.run("benchmarks/compare.py", f"--workdir={tmp_path}", f"--configs={config}", PYTHONPATH="")
    helpers.assert_refused(result, said)
