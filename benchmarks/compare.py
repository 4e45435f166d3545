"""Trains and evaluates AMGAN and what it is compared with, some seeds each, and writes tables and figures.

python benchmarks/compare.py --workdir=DIR [--configs=configs/compare.py:amgan,...] [--seeds=3]
    [--output=docs/results/compare.json] [-- --config.data.data_dir=DATA ...]

What stands behind `--` goes to every training. A stopped comparison goes on with the same command. All
systems and seeds share one attention network and one evaluator, which the first training makes; a seed
is that of AMGAN's initial parameters and batches. Beside the output come a page (.md), curves and scores
(.png) and, for rendered garments, edits of the same images by every system (_edits.png); edits of photos
go into the workdir, as they may not be anyone's to publish.

To search for settings on validation images alone, give variants such as configs/compare.py:stargan_plain_double_rate
and, behind `--`, --config.evaluate.measures=().
"""

from collections.abc import Sequence
import functools
import json
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

from absl import flags
import jax
import matplotlib
from matplotlib import figure
from ml_collections import config_dict, config_flags
import numpy as np

from amgan_jax import cli, garments, report
from amgan_jax import workdir as workdir_lib
from amgan_jax.configs import systems
from amgan_jax.editing import editor
from amgan_jax.errors import UserError
from amgan_jax.files import local_path, write_atomically
from amgan_jax.metrics import read_metrics
from amgan_jax.training import parallel, state, steps
from amgan_jax.workdir import CLASSIFIERS

_ROOT = pathlib.Path(__file__).parent.parent
_EDITS, _PRESERVED = "edit_accuracy/mean", "preservation/mean"
_ROUNDS, _UPDATES_A_ROUND = 5, 10  # of updates that are timed
_SHOWN = (
    _EDITS,
    _PRESERVED,
    "counterfactual/mask_iou",
    "retrieval/top_10",
    "frechet_distance",
    "perceptual_distance/mean",
    f"validation/{_EDITS}",
    f"validation/{_PRESERVED}",
)

_CONFIGS = flags.DEFINE_list(
    "configs", [f"configs/compare.py:{name}" for name in systems.find()], "Config files, each with its system's name."
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "Trainings of each config.", lower_bound=1)
_WORKDIR = flags.DEFINE_string("workdir", None, "Where the workdirs of all trainings are, <name>-<seed>.")
_OUTPUT = flags.DEFINE_string("output", "docs/results/compare.json", "Where the figures go.")


def main(argv: Sequence[str]) -> None:
    folder, output, overrides = local_path(_WORKDIR.value).absolute(), local_path(_OUTPUT.value), argv[1:]
    configs = {_name(path): path for path in _CONFIGS.value}
    if len(configs) < len(_CONFIGS.value):
        raise UserError(f"--configs={','.join(_CONFIGS.value)}: two of these have the same name")
    for seed in range(_SEEDS.value):
        for name, path in configs.items():
            _train(path, seed, folder / f"{name}-{seed}", overrides)
    runs = {name: [folder / f"{name}-{seed}" for seed in range(_SEEDS.value)] for name in configs}
    _check_classifiers([directory for directories in runs.values() for directory in directories])
    figures = _collect(runs)
    costs = _update_costs(runs, configs, overrides)
    write_atomically(output, json.dumps(figures, indent=1) + "\n")
    _draw_scores(runs, figures, output.with_suffix(".png"))
    sheet = _draw_edits(runs, output, folder) if _is_tested(figures) else None
    write_atomically(output.with_suffix(".md"), _page(figures, costs, output, sheet, overrides))
    print(output.with_suffix(".md").read_text())


def _name(path):
    """The system that a config file is told to make, else the file's own name."""
    return pathlib.Path(path.rpartition(":")[2]).stem


def _train(path, seed, directory, overrides):
    """Trains and evaluates one system where that is not done yet."""
    overrides = [f"--config.seed={seed}", *overrides]
    config = _load_config(path, overrides)
    if not (directory / "config.json").exists():
        reports = sorted(directory.parent.glob("*/report/metrics.json"))
        if reports:
            _lend_classifiers(reports[0].parent.parent, directory, config)
    if _is_done(directory, config):
        return
    (directory / "report" / "metrics.json").unlink(missing_ok=True)  # or other measures' figures would pass for new
    print(f"{directory.name}: {config.amgan.num_steps} updates", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "amgan_jax.main", f"--config={path}", f"--workdir={directory}", *overrides]
    status = subprocess.run(command, cwd=_ROOT, stdout=subprocess.DEVNULL, check=False).returncode
    if status:
        raise UserError(f"{directory.name} ended with exit status {status}; the same command goes on from there")


def _load_config(path, overrides):
    holder, arguments = flags.FlagValues(), ["", f"--config={path}", *overrides]
    config_flags.DEFINE_config_file("config", flag_values=holder, sys_argv=arguments)
    try:
        holder(arguments)
        return config_dict.ConfigDict(holder.config)
    except (flags.Error, OSError, AttributeError, KeyError) as error:  # what unknown files and keys raise
        raise UserError(f"cannot load {path} with {' '.join(overrides)}: {error}") from error


def _lend_classifiers(lender, directory, config):
    """Starts a workdir with another one's attention network and evaluator."""
    old, schema = workdir_lib.load(lender)
    for key in workdir_lib.changed_classifiers(old, config):
        raise UserError(f"{directory.name} has another {key} than {lender.name}: compare like with like")
    for name in CLASSIFIERS:
        shutil.copytree(lender / name, directory / name, dirs_exist_ok=True)
    write_atomically(directory / "schema.json", schema.to_json() + "\n")
    write_atomically(directory / "config.json", config.to_json(indent=1) + "\n")


def _is_done(directory, config):
    """Whether a workdir of this config is trained and measured; UserError where it holds another config's work."""
    if not (directory / "config.json").exists():
        return False
    old, schema = workdir_lib.load(directory)
    workdir_lib.check(directory, config, schema)
    path = directory / "report" / "metrics.json"
    same_measures = old.evaluate.to_json() == config.evaluate.to_json()
    return same_measures and path.exists() and json.loads(path.read_text())["train/steps"] == config.amgan.num_steps


def _check_classifiers(directories):
    """UserError where not all have the same attention network and evaluator, as when one was trained by itself."""
    first = editor.load(directories[0]).classifiers
    for directory in directories[1:]:
        for name, variables in editor.load(directory).classifiers.items():
            pairs = zip(jax.tree.leaves(first[name]), jax.tree.leaves(variables), strict=False)
            if not all(np.array_equal(a, b) for a, b in pairs):
                raise UserError(
                    f"{directory.name} has another {name} than {directories[0].name}: compare like with like"
                )


def _collect(runs):
    """{name: {metric: [a value a seed]}}, those of validation images too; UserError where a value is not finite."""
    figures = {}
    for name, directories in runs.items():
        reports = [json.loads((d / "report" / "metrics.json").read_text()) | _last_validation(d) for d in directories]
        figures[name] = {metric: [r[metric] for r in reports] for metric in sorted(reports[0])}
        for metric, values in figures[name].items():
            if not np.all(np.isfinite(values)):
                raise UserError(f"{name}: {metric} is {values}, not finite")
    return figures


def _is_tested(figures):
    """Whether edits of test images were measured; a search sees validation images only."""
    return all(_EDITS in values for values in figures.values())


def _page(figures, costs, output, sheet, overrides):
    tables = "\n\n".join(f"**{question}**\n\n{_table(figures, columns)}" for question, columns in _questions(figures))
    picture = f"![the same test images through every system]({sheet})\n\n" if sheet else ""
    more = shlex.join(o for o in overrides if not o.startswith("--config.data."))  # where data is, is one's own
    spread = f"mean ± standard deviation of {_SEEDS.value} seeds" if _SEEDS.value > 1 else "one seed"
    command = f"python benchmarks/compare.py --seeds={_SEEDS.value} --configs={','.join(_CONFIGS.value)}"
    return (
        f"# {output.stem}\n\n```bash\n{command} --output={_OUTPUT.value} --workdir=DIR{more and f' -- {more}'}\n```\n\n"
        f"Test split, but for validation/; {spread}; k is how many attributes are asked for at once, in one pass.\n\n"
        f"{tables}\n\n**What does an update cost?**\n\n{_cost_table(figures, costs)}\n\n{verdict(figures)}\n\n"
        f"![scores and validation curves]({output.with_suffix('.png').name})\n\n{picture}"
    )


def _questions(figures):
    """(question, {column: metric}) of each table that there are figures for."""
    found = set.intersection(*(set(values) for values in figures.values()))
    questions = {
        words: {f"k = {k}": f"edits/k{k}/{share}" for k in _counts(found)}
        for words, share in (
            ("How often is all that was asked for read?", "all"),
            ("How often do values that were not asked for stay?", "preserved"),
            ("How often is all that was asked for read, and everything else as before?", "exact"),
            ("How near is the true picture, in dB?", "psnr"),
        )
    }
    questions["How do edits of one attribute score otherwise?"] = {metric: metric for metric in _SHOWN}
    for words, columns in questions.items():
        columns = {column: metric for column, metric in columns.items() if metric in found}
        if columns:
            yield words, columns


def _counts(metrics):
    return sorted({int(m.split("/")[1][1:]) for m in metrics if m.startswith("edits/k")})


def _table(figures, columns):
    """A row a system; the best of each column is bold, where more is better."""
    best = {c: max(np.mean(f[m]) for f in figures.values()) for c, m in columns.items() if "distance" not in m}
    lines = [f"| system | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, values in figures.items():
        cells = [_cell(values[m], np.mean(values[m]) == best.get(c)) for c, m in columns.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values, is_best=False):
    digits = 1 if np.mean(values) > 10.0 else 3
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    mean = f"{np.mean(values):.{digits}f}"
    return (f"**{mean}**" if is_best else mean) + spread


def _cost_table(figures, costs):
    first = next(iter(costs.values()))
    rows = [f"| {n} | {f['train/steps'][0]} | {costs[n] / first:.2f} |" for n, f in figures.items()]
    return "\n".join(["| system | updates | CPU time an update, to the first system's |", "|---|---|---|", *rows])


def _update_costs(runs, configs, overrides):
    """CPU seconds an update of each system: the median of rounds that take turns, compilation left out."""
    updates = {name: _updates(_load_config(configs[name], overrides), runs[name][0]) for name in configs}
    seconds = {name: [] for name in updates}
    for _ in range(_ROUNDS):
        for name, update in updates.items():
            started = time.process_time()
            for _ in range(_UPDATES_A_ROUND):
                next(update)
            seconds[name].append((time.process_time() - started) / _UPDATES_A_ROUND)
    return {name: float(np.median(s)) for name, s in seconds.items()}


def _updates(config, directory):
    """An endless training on one batch, compiled when it is here."""
    from amgan_jax.input import tfdata

    source = tfdata.DatasetSource(config)
    attention = parallel.replicate(editor.load(directory).classifiers["attention"])
    step = parallel.map_step(functools.partial(steps.amgan_step, config, source.schema), frozen=1)
    batch = parallel.shard(next(iter(source.amgan_batches(config, 0))), config.amgan.n_critic)
    start = parallel.replicate(jax.jit(lambda: state.init_amgan(config, source.schema))())

    def run(train_state):
        while True:
            train_state, metrics = step(train_state, attention, batch)
            jax.block_until_ready(metrics)
            yield

    updates = run(start)
    next(updates)
    return updates


def verdict(figures: dict[str, dict[str, list[float]]]) -> str:
    """AMGAN against the best baseline for each number of attributes, in words.

    Args:
      figures: {system: {metric: [a value a seed]}}.
    """
    known = tuple(name for name, system in systems.find().items() if system.baseline)
    baselines = [name for name in figures if name.startswith(known)]
    ours = next((name for name in figures if name.startswith("amgan")), None)
    found = set.intersection(*(set(values) for values in figures.values()))
    if ours is None or not baselines or not _is_tested(figures):
        return ""
    lines = []
    for k in _counts(found):
        mean = {name: np.mean(f[f"edits/k{k}/all"]) for name, f in figures.items()}
        best = max(baselines, key=mean.get)
        ratio = f"{mean[ours] / mean[best]:.2f} times" if mean[best] else "infinitely many times"
        line = f"- k = {k}: {ours} gets all right {ratio} as often as the best baseline, {best}"
        preserved = f"edits/k{k}/preserved"
        if preserved in found:
            line += f"; preservation {_cell(figures[ours][preserved])} for {_cell(figures[best][preserved])}"
        lines.append(f"{line}.")
    return "\n".join(lines)


def _draw_scores(runs, figures, path):
    """A bar a system with its seeds, and edit accuracy on validation images over updates."""
    page = figure.Figure(figsize=(13, max(4.2, 0.25 * len(figures) + 1.0)), layout="constrained")
    left, right = page.subplots(1, 2)
    colors = dict(zip(figures, matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, len(figures))), strict=True))
    prefix = "" if _is_tested(figures) else "validation/"
    for i, values in enumerate(figures.values()):
        for offset, metric, color in ((-0.2, prefix + _EDITS, "C0"), (0.2, prefix + _PRESERVED, "C1")):
            left.barh(i + offset, np.mean(values[metric]), 0.4, color=color, label=metric if i == 0 else None)
            left.plot(values[metric], [i + offset] * len(values[metric]), "k.", markersize=4)
    left.set_yticks(range(len(figures)), figures, fontsize=8)
    left.invert_yaxis()
    left.set_title(f"{'validation' if prefix else 'test'} images; a dot a seed", fontsize=9)
    left.set_xlim(0.0, 1.0)
    page.legend(*left.get_legend_handles_labels(), fontsize=8, loc="outside lower left", ncols=2)
    for name, directories in runs.items():
        for i, curve in enumerate(map(_validation, directories)):
            steps, accuracy = ([record[key] for record in curve] for key in ("step", f"validation/{_EDITS}"))
            right.plot(steps, accuracy, ".-", color=colors[name], label=name if i == 0 else None, linewidth=1.0)
    right.set_title(f"{_EDITS} on validation images; a line a seed", fontsize=9)
    right.set_xlabel("updates of the generator", fontsize=8)
    right.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    report.save_page(page, path)


def _validation(directory):
    """Records of the times that edits were measured on validation images while training."""
    return [record for record in read_metrics(directory) if f"validation/{_EDITS}" in record]


def _last_validation(directory):
    return {n: v for record in _validation(directory)[-1:] for n, v in record.items() if n.startswith("validation/")}


def _draw_edits(runs, output, folder):
    """The first test images edited by the first seed of every system: the file's name where it may be published."""
    from amgan_jax.input import tfdata

    config, schema = workdir_lib.load(next(iter(runs.values()))[0])
    batch = next(iter(tfdata.DatasetSource(config).evaluation_batches(config, "test")))
    image, label, rows = batch["image"][:3], batch["label"][:3], []
    sheets = {n: report.edit_sheet(editor.load(directories[0]), image, label) for n, directories in runs.items()}
    values = next(iter(sheets.values()))  # which all have alike
    for c, column in enumerate(values.columns):
        columns = {"source": image} | {name: sheet.edited[c] for name, sheet in sheets.items()}
        if "nuisance" in batch:
            truth = garments.render_batch(values.target[c], batch["nuisance"][:3], image.shape[1:3])
            columns["truth"] = np.asarray(truth)
        for i, value in enumerate(values.values[c]):
            rows.append((f"{column}\n{value}", {n: x[i] for n, x in columns.items()}))
    published = "nuisance" in batch
    path = output.with_name(f"{output.stem}_edits.png") if published else folder / f"{output.stem}_edits.png"
    _draw_grid(rows, path)
    return path.name if published else None


def _draw_grid(rows, path):
    names = list(rows[0][1])
    mosaic = np.concatenate([np.concatenate(list(cells.values()), axis=1) for _, cells in rows], axis=0)
    height, width = rows[0][1]["source"].shape[:2]
    size = (0.9 * len(names) + 2.0, 0.9 * len(rows) * height / width + 0.4)  # inches, with room for the labels
    page = figure.Figure(figsize=size, layout="compressed")
    axes = page.subplots()
    axes.imshow(np.clip((mosaic + 1.0) / 2.0, 0.0, 1.0), interpolation="nearest")
    titles = [name.replace("_", "\n") for name in names]  # or long ones run into each other
    axes.set_xticks((np.arange(len(names)) + 0.5) * width, titles, fontsize=7)
    axes.xaxis.tick_top()
    axes.set_yticks((np.arange(len(rows)) + 0.5) * height, [text for text, _ in rows], fontsize=7)
    report.save_page(page, path)


if __name__ == "__main__":
    flags.mark_flag_as_required("workdir")
    cli.run(main, takes_arguments=True)
