"""The loops: resume, metrics, and training without TensorFlow."""

import dataclasses
import functools
import itertools
import json
import re
import shutil

import jax
import numpy as np
import pytest

from amgan_jax import experiment, garments, metrics, workdir
from amgan_jax.editing import editor
from amgan_jax.errors import UserError
from amgan_jax.input import arrays
from amgan_jax.measures import driver
from amgan_jax.training import checkpoints, checks, state
from tests import helpers


class _Killed(BaseException):
    """Stands for the process being killed."""


class _Recording:
    """A source that remembers which splits were evaluated."""

    def __init__(self, source):
        self._source, self.splits = source, set()

    def __getattr__(self, name):
        return getattr(self._source, name)

    def evaluation_batches(self, config, split):
        self.splits.add(split)
        return self._source.evaluation_batches(config, split)


class _Interrupted:
    """A source whose AMGAN batches end after so many, as a killed process's do."""

    def __init__(self, source, batches):
        self._source, self._batches = source, batches

    def __getattr__(self, name):
        return getattr(self._source, name)

    def amgan_batches(self, config, first_step):
        yield from itertools.islice(self._source.amgan_batches(config, first_step), self._batches)
        raise _Killed


class _Signal:
    """Stands for a signal that is heard in the n-th step of all phases together, or while a sheet is drawn."""

    def __init__(self, step=None):
        self._steps_left = step

    def stepped(self):
        if self._steps_left:
            self._steps_left -= 1

    def should_save(self):
        return self._steps_left == 0

    def saved(self):
        pass

    def leave(self):
        raise _Killed

    def draw(self, *_, **__):
        raise _Killed


def _amgan_killed_after(batches, train_amgan, config, source, *more):
    return train_amgan(config, _Interrupted(source, batches), *more)


def _final(directory, config, source):
    return checkpoints.restore(directory / "amgan", state.init_amgan(config, source.schema))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An uninterrupted run, and one that was stopped in many ways.

    By a signal between two lines of metrics.jsonl, by one while a sheet was drawn, and killed between checkpoints.
    """
    config, source = helpers.tiny_config(), _Recording(helpers.rendered_source())
    config.evaluate.during = {"edits": 4}
    whole = tmp_path_factory.mktemp("whole") / "w"
    experiment.train(config, source, whole)
    parts = tmp_path_factory.mktemp("parts") / "w"
    before_amgan = 8 + 8  # updates of the classifiers
    for step, name, value in (
        (3, "training.loop.watch", _Signal(before_amgan + 3)),
        (4, "report.draw_sheet", _Signal().draw),
        (4, "experiment.train_amgan", functools.partial(_amgan_killed_after, 3, experiment.train_amgan)),
    ):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(_Killed):
            patch.setattr(f"amgan_jax.{name}", value)
            experiment.train(config, source, parts)
        assert checkpoints.progress(parts / "amgan")[0] == step
        with (parts / "metrics.jsonl").open("a") as file:
            file.write('{"phase": "amgan", "st')  # a line that the kill cut off
    experiment.train(config, source, parts)
    return config, source, whole, parts


def test_resumed_equals_uninterrupted_bit_for_bit(trained):
    config, source, whole, parts = trained
    pairs = zip(
        jax.tree.leaves(_final(whole, config, source)), jax.tree.leaves(_final(parts, config, source)), strict=True
    )
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)


def test_metrics_have_each_log_step_once_and_are_the_same_after_a_resume(trained):
    config, _, whole, parts = trained
    records = metrics.read_metrics(parts)
    assert [r["step"] for r in records if r["phase"] == "amgan"] == [2, 4, 6, 8]
    assert [r["phase"] for r in records if r["step"] == 8] == ["attention", "evaluator", "amgan"]
    assert records == metrics.read_metrics(whole)


def test_training_measures_validation_images_and_sees_no_test_image(trained):
    """Nothing is trained on or chosen by test images: they are not asked for."""
    config, source, whole, _ = trained
    records = [r for r in metrics.read_metrics(whole) if "validation/edit_accuracy/mean" in r]
    assert [r["step"] for r in records] == [4, 8]
    assert source.splits == {"validation"}
    figures = driver.measure(config, source, "validation", *_system(whole, config, source), ("edits",)).figures
    assert records[-1]["validation/edit_accuracy/mean"] == figures["edit_accuracy/mean"].value


def _system(directory, config, source):
    """(editor, judge) of a trained workdir."""
    system = editor.load(directory)
    return system, driver.build_judge(config, source.schema, system.classifiers["evaluator"])


def test_a_workdir_with_lengths_in_steps_goes_on_and_is_evaluated_to_the_same_figures(trained, tmp_path):
    """Trained in part before lengths were in epochs and shares, and by checkpoints of that time."""
    config, source, whole, _ = trained
    shutil.copytree(whole, tmp_path / "w")
    shutil.rmtree(tmp_path / "w" / "amgan" / "8")
    for path in (tmp_path / "w").glob("*/*/progress/metadata"):
        old = json.loads(path.read_text())
        del old["finished"]
        path.write_text(json.dumps(old))
    path = tmp_path / "w" / "config.json"
    path.write_text(json.dumps(helpers.in_steps(json.loads(path.read_text()), images=64)))
    old, new = (editor.load(workdir).classifiers for workdir in (tmp_path / "w", whole))  # as commands do
    jax.tree.map(np.testing.assert_array_equal, old, new)
    before = driver.evaluate(config, source, whole)
    experiment.train(config, source, tmp_path / "w")
    for a, b in zip(
        jax.tree.leaves(_final(whole, config, source)),
        jax.tree.leaves(_final(tmp_path / "w", config, source)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    after = driver.evaluate(config, source, tmp_path / "w")
    del before["train/seconds"], after["train/seconds"]
    assert after == before


def test_intervals_need_not_be_multiples_of_each_other(trained, tmp_path):
    """A line of metrics is a mean since the one before, whatever is saved and measured between; after a kill, too."""
    config, source, finished, _ = trained
    odd = config.copy_and_resolve_references()
    odd.log_steps, odd.checkpoint_steps, odd.sample_steps, odd.evaluate.during = 4, 3, 5, {"edits": 3}
    for name in ("whole", "parts"):  # with classifiers that are trained already
        shutil.copytree(finished, tmp_path / name, ignore=shutil.ignore_patterns("amgan", "metrics.jsonl", "report"))
    experiment.train(odd, source, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(_Killed):
        killed = functools.partial(_amgan_killed_after, 3, experiment.train_amgan)
        patch.setattr(experiment, "train_amgan", killed)
        experiment.train(odd, source, tmp_path / "parts")
    experiment.train(odd, source, tmp_path / "parts")
    records = [r for r in metrics.read_metrics(tmp_path / "parts") if r["phase"] == "amgan"]
    assert [(r["step"], "generator/cycle" in r, "validation/edit_accuracy/mean" in r) for r in records] == [
        (3, False, True),
        (4, True, False),
        (6, False, True),
        (8, True, True),
    ]
    assert records == [r for r in metrics.read_metrics(tmp_path / "whole") if r["phase"] == "amgan"]


def test_a_finished_classifier_stays_when_there_are_more_photos(trained):
    config, _, whole, _ = trained
    more = arrays.ArraySource(garments.SCHEMA, {"train": helpers.rendered_split(0, 128)})
    assert experiment.train_classifier(config, "attention", more, whole).step == 8


def test_a_sheet_is_drawn_each_sample_steps(trained):
    _, _, whole, _ = trained
    assert sorted(p.name for p in (whole / "samples").iterdir()) == ["4.png", "8.png"]


def test_tensorboard_gets_the_metrics(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    _, _, whole, _ = trained
    events = EventAccumulator(str(whole), size_guidance={"tensors": 0})
    events.Reload()
    assert [e.step for e in events.Tensors("amgan/generator/cycle")] == [2, 4, 6, 8]


def test_a_finished_training_is_not_trained_again(trained):
    config, source, whole, _ = trained
    before = (whole / "metrics.jsonl").read_text()
    experiment.train(config, _Interrupted(source, 0), whole)
    assert (whole / "metrics.jsonl").read_text() == before


def test_training_warns_of_what_the_attention_network_cannot_read(trained, caplog):
    config, source, whole, _ = trained  # eight updates teach it nothing
    experiment.train(config, source, whole)
    assert re.findall(r"the attention network cannot read (\w+)", caplog.text) == list(source.schema.names)


def test_other_data_is_refused(trained):
    config, _, whole, _ = trained
    splits = {"train": (0, 64), "validation": (1, 16), "test": (3, 24)}
    other = arrays.ArraySource(garments.SCHEMA, {name: helpers.rendered_split(*s) for name, s in splits.items()})
    with pytest.raises(UserError, match="w was trained on other data: test has other labels; name another --workdir"):
        experiment.train(config, other, whole)


def test_training_goes_on_when_more_steps_are_asked_for(trained):
    config, source, _, parts = trained
    longer = config.copy_and_resolve_references()
    longer.amgan.num_steps = 10
    experiment.train(longer, source, parts)
    assert _final(parts, longer, source).step == 10
    assert [r["step"] for r in metrics.read_metrics(parts) if r["phase"] == "amgan"] == [2, 4, 6, 8, 10]


@pytest.mark.parametrize("size", [(64, 64), (16, 16)])
def test_arrays_that_are_not_of_the_evaluators_size_are_refused(size):
    splits = {"train": helpers.rendered_split(0, 8), "validation": helpers.rendered_split(1, 8, size)}
    source = arrays.ArraySource(garments.SCHEMA, splits)
    with pytest.raises(UserError, match=f"validation images of {size[0]} x .* pixels: the evaluator sees 32 x 32"):
        next(source.classifier_batches(helpers.tiny_config(), "attention", 0))


def _masked(seed, count, known=True):
    """A split of rendered garments, of which the foreground is known of all or of none."""
    split = helpers.rendered_split(seed, count)
    foreground = np.asarray(garments.foreground_batch(split.label, split.nuisance, (32, 32)))
    return dataclasses.replace(split, foreground=foreground if known else np.full_like(foreground, -1.0))


def test_the_foreground_is_learnt_from_masks_and_found_without_them(tmp_path):
    config = helpers.tiny_config()
    source = arrays.ArraySource(garments.SCHEMA, {"train": _masked(0, 64)})
    config.attention.foreground, config.attention.mixup = 1.0, 0.4
    config.attention.epochs, config.attention.warmup_epochs = 10.0, 0.0
    variables = jax.device_get(experiment.train_classifier(config, "attention", source, tmp_path).variables)
    losses = [r["foreground"] for r in metrics.read_metrics(tmp_path) if r["phase"] == "attention"]
    assert losses[-1] < 0.8 * losses[0]
    test = _masked(2, 24)
    found = editor.Editor(config, source.schema, {}, {"attention": variables}).foreground(test.image)
    assert np.mean(np.abs(found - test.foreground)) < 0.35 < np.mean(np.abs(0.5 - test.foreground))


@pytest.mark.parametrize(("trained", "said"), [(0.0, 0.0), (1.0, 1.0)])
def test_a_head_is_evaluated_where_there_is_one_whatever_masks_the_data_has_by_now(trained, said, tmp_path):
    config = helpers.tiny_config()
    config.attention.foreground = trained
    workdir.prepare(tmp_path, config, garments.SCHEMA, write=True)
    config.attention.foreground = 1.0
    assert driver.as_trained(config, tmp_path).attention.foreground == said


def test_masks_of_which_none_is_known_are_none():
    for known in (True, False):
        splits = {"train": _masked(0, 64, known), "test": _masked(2, 24)}
        assert arrays.ArraySource(garments.SCHEMA, splits).has_foreground == known


def test_a_foreground_of_another_shape_than_its_images_is_refused():
    config, split = helpers.tiny_config(), helpers.rendered_split(0, 64)
    flat = dataclasses.replace(split, foreground=np.zeros((64, 32, 32), np.float32))
    source = arrays.ArraySource(garments.SCHEMA, {"train": flat})
    with pytest.raises(UserError, match=r"train foreground of shape \(64, 32, 32\): .* \(64, 32, 32, 1\)"):
        next(source.classifier_batches(config, "attention", 0))


@pytest.mark.parametrize(
    ("skip", "said"),
    [
        (False, "attention: .* at step 2: lower the learning rate"),
        (True, "attention: all updates since step 0 were skipped: lower the learning rate"),
    ],
)
def test_what_is_not_finite_stops_training_and_is_not_saved(skip, said, tmp_path):
    """A loss, or updates that are all left out."""
    config, source = helpers.tiny_config(), helpers.rendered_source()
    config.attention.optimizer.learning_rate = float("nan")
    config.skip_broken_updates = skip
    with pytest.raises(UserError, match=said):
        experiment.train(config, source, tmp_path / "w")
    assert checkpoints.Checkpoints(tmp_path / "w" / "attention").latest_step() is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"height": 30}, "height=30: the generator needs a multiple of 4"),
        ({"discriminator.layers": 6}, "32 x 32 pixels cannot be halved that often"),
        ({"discriminator.stages": (0, 3)}, "discriminator.stages=(0, 3): the attention network has stages 0 to 2"),
        ({"amgan.n_critic": 0}, "amgan.n_critic should be at least 1"),
        ({"amgan.cycle_every": 0}, "amgan.cycle_every should be at least 1"),
        ({"generator.head_kernel": 0}, "generator.head_kernel should be at least 1"),
        ({"evaluator.plain.hidden": 0}, "evaluator.plain.hidden=0: 1 or more"),
        ({"attention.resnet.strides": (1, 0, 1)}, "attention.resnet.strides=(1, 0, 1): 1 or more"),
        ({"attention.optimizer.learning_rate": -1.0}, "attention.optimizer.learning_rate=-1.0: 0 or more"),
        ({"generator_optimizer.b1": 2.0}, "generator_optimizer.b1=2.0: 0 or more, and below 1"),
        ({"data.crop": 12.0}, "data.crop=12.0: 0 to 0.99"),
        ({"amgan.crop": -0.1}, "amgan.crop=-0.1: 0 to 0.99"),
        ({"data.balance": -1.0}, "data.balance=-1.0: 0 to 1"),
        ({"data.single": 1.5}, "data.single=1.5: 0 to 1"),
        ({"amgan.condition": ()}, "amgan.condition=(): change, target, or one of them"),
        ({"amgan.condition": ("source",)}, "amgan.condition=('source',): change, target, or one of them"),
        ({"generator.mask": "head"}, "generator.mask=head: generator_loss.attention needs attributes"),
        ({"generator_loss.recolor": 1.0}, "generator_loss.recolor=1.0: name attributes in amgan.recolors"),
        ({"amgan.ema_decay": 1.5}, "amgan.ema_decay=1.5: 0 to 1"),
        ({"evaluate.batch_size": 0}, "evaluate.batch_size should be at least 1"),
        ({"attention.epochs": 0.0}, "attention.epochs=0.0: more than 0"),
        ({"evaluator.warmup_epochs": -1.0}, "evaluator.warmup_epochs=-1.0: 0 or more"),
        ({"amgan.warmup_steps": -1}, "amgan.warmup_steps=-1: 0 or more"),
        ({"generator_optimizer.decay": 1500}, "generator_optimizer.decay=1500.0: 0 to 1"),
        ({"attention.optimizer.decay": -0.1}, "attention.optimizer.decay=-0.1: 0 to 1"),
        ({"attention.mixup": -0.1}, "attention.mixup=-0.1: 0 or more"),
        ({"evaluate.during": {"edits": -2}}, "evaluate.during.edits=-2: 1 or more, or 0 for never"),
        ({"seed": -1}, "seed=-1: 0 to 9223372036854775807"),
        ({"evaluate.seed": 2**63}, "evaluate.seed=9223372036854775808: 0 to 9223372036854775807"),
        ({"data.threads": -2}, "data.threads=-2: 1 or more, or 0"),
        ({"sample_images": 17}, "sample_images=17: at most evaluate.batch_size=16"),
        ({"evaluator.plain.widths": (8,) * 6}, "evaluator.plain: 32 x 32 pixels cannot be halved 6 times"),
        ({"dtype": "float16"}, "dtype=float16: float32 or bfloat16"),
        ({"attention.resnet.strides": (1, 2)}, "3 widths but 2 strides"),
    ],
)
def test_a_config_that_cannot_be_trained_is_refused(change, said):
    with pytest.raises(UserError) as raised:
        checks.check_config(_changed(change))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amgan.batch_size": 0}, "amgan.batch_size=0 cannot be divided over 1 devices: use a multiple of 1"),
        ({"amgan.cycle_every": 3}, "amgan.batch_size=4 .* in groups of 3 .*: use a multiple of 3"),
        ({"attention.mixup": 0.4, "attention.batch_size": 3}, "attention.batch_size=3 .*: use a multiple of 2"),
    ],
)
def test_batches_that_the_devices_do_not_divide_are_refused(change, said):
    with pytest.raises(UserError, match=said):
        checks.check_devices(_changed(change))


def _changed(change):
    config = helpers.tiny_config()
    for key, value in change.items():
        *parts, name = key.split(".")
        functools.reduce(getattr, parts, config)[name] = value
    return config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"generator.mask": "heads"}, "unknown generator.mask 'heads': attributes, head, network, none"),
        ({"amgan.whole_mask": "all"}, "unknown amgan.whole_mask 'all': foreground, head"),
        ({"amgan.recolors": ("colour",)}, "unknown attribute in amgan.recolors 'colour': sleeve_length"),
    ],
)
def test_a_name_that_there_is_not_is_refused_before_anything_is_trained(tmp_path, change, said):
    config = _changed(change)
    with pytest.raises(UserError, match=said):
        experiment.train(config, helpers.rendered_source(), tmp_path / "w")
    assert not (tmp_path / "w").exists()


_WITHOUT_TENSORFLOW = """
import pathlib, sys
for name in ("tensorflow", "tensorflow_datasets"):
    sys.modules[name] = None  # importing it raises ImportError
from amgan_jax.measures import driver
from amgan_jax import experiment
from tests import helpers
config, source, directory = helpers.tiny_config(), helpers.rendered_source(), pathlib.Path(sys.argv[1])
config.attention.epochs = config.evaluator.epochs = 0.5
config.amgan.num_steps = 2
experiment.train(config, source, directory)
driver.evaluate(config, source, directory)
"""


def test_everything_but_the_input_pipeline_runs_without_tensorflow(tmp_path):
    result = helpers.run("-c", _WITHOUT_TENSORFLOW, tmp_path / "w")
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "w" / "report" / "metrics.json").read_text())["train/steps"] == 2
    assert [r["step"] for r in metrics.read_metrics(tmp_path / "w")] == [2, 2, 2]
