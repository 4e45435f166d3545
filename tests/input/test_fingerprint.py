"""A workdir goes on with the data that it was trained on, or says what differs."""

import dataclasses

import numpy as np
import pytest

from amgan_jax import garments
from amgan_jax.errors import UserError
from amgan_jax.input import arrays, fingerprint
from amgan_jax.schema import Schema
from tests import helpers

_SPLITS = {
    "train": helpers.rendered_split(0, 8),
    "validation": helpers.rendered_split(1, 4),
    "test": helpers.rendered_split(2, 4),
}


def _fingerprint(**changed):
    return arrays.ArraySource(garments.SCHEMA, _SPLITS | changed).fingerprint()


def _changed(split, **columns):
    return {split: dataclasses.replace(_SPLITS[split], **columns)}


_RELABELLED = _changed("test", label=np.zeros_like(_SPLITS["test"].label))
_CROPPED = _changed("train", image=_SPLITS["train"].image * 0.9)
_SPLIT_AGAIN = {"train": helpers.rendered_split(0, 7), "test": helpers.rendered_split(2, 5)}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        (_RELABELLED, ["test has other labels"]),
        (_CROPPED, ["photos of train have other content"]),
        (_SPLIT_AGAIN, ["test has 5 photos, had 4", "train has 7 photos, had 8"]),
    ],
)
def test_what_differs_is_named(changed, said):
    assert fingerprint.differences(_fingerprint(), _fingerprint(**changed)) == said


def test_photos_in_another_order_differ():
    old, new = (
        {"train": fingerprint.of_split(names, np.zeros((2, 1), np.int32), [b"x", b"y"])}
        for names in ([b"a", b"b"], [b"b", b"a"])
    )
    assert fingerprint.differences(old, new) == ["train has other photos, or in another order"]


@pytest.fixture
def half_trained(tmp_path):
    """A workdir with an attention network and a half-trained evaluator."""
    for name in ("attention", "evaluator"):
        (tmp_path / name / "8").mkdir(parents=True)
    (tmp_path / "schema.json").write_text(garments.SCHEMA.to_json())
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    (tmp_path / ".owner").write_text("me")
    fingerprint.write(tmp_path, _fingerprint())
    return tmp_path


def _check(workdir, policy, changed=_RELABELLED, schema=garments.SCHEMA):
    fingerprint.check(workdir, _fingerprint(**changed), schema, policy)


@pytest.mark.parametrize("changed", [_RELABELLED, _CROPPED, _SPLIT_AGAIN])
def test_other_data_under_a_half_trained_workdir_is_refused_with_what_accepts_it(half_trained, changed):
    _check(half_trained, fingerprint.REFUSE, changed={})
    with pytest.raises(UserError, match="other data: .* --new_data=retrain to train attention, evaluator again.*=keep"):
        _check(half_trained, fingerprint.REFUSE, changed)


def test_kept_trainings_are_named(half_trained, caplog):
    _check(half_trained, fingerprint.KEEP)
    assert "test has other labels; attention, evaluator stay as they were trained" in caplog.text
    assert (half_trained / "attention" / "8").exists()


@pytest.mark.parametrize("schema", [garments.SCHEMA, Schema.from_values({"color": ["red", "blue"]})])
def test_what_is_trained_again_is_named_and_the_old_work_is_moved_aside(half_trained, schema, caplog):
    changed = _RELABELLED if schema == garments.SCHEMA else {}
    for number in ("1", "2"):
        _check(half_trained, fingerprint.RETRAIN, changed, schema)
        assert f"attention, evaluator are trained again, what was trained is moved to {half_trained}" in caplog.text
        assert sorted(p.name for p in half_trained.iterdir()) == [".owner", "replaced"]
        old = half_trained / "replaced" / number
        assert (old / "attention" / "8").exists() and (old / "metrics.jsonl").exists()
        for path in old.iterdir():
            path.rename(half_trained / path.name)


def test_a_workdir_without_a_fingerprint_goes_on(half_trained):
    (half_trained / "dataset.json").unlink()
    _check(half_trained, fingerprint.REFUSE)
