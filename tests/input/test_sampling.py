"""The batch of a step, as a pure function of (seed, step)."""

import numpy as np
import pytest

from amgan_jax.errors import UserError
from amgan_jax.input import sampling

COUNTS = (2, 3, 4)
LABELS = np.stack([np.random.default_rng(0).integers(0, n, 50) for n in COUNTS], axis=-1).astype(np.int32)
LABELS[::7, 1] = -1
AUGMENTATION = sampling.Augmentation(flip=True, crop=0.2)


def _sampler(single=1.0, balance=0.5, labels=LABELS):
    return sampling.EditSampler(labels, COUNTS, single, balance)


def _assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_a_plan_depends_on_seed_and_step_alone():
    used = _sampler()
    for step in range(5):
        used.plan(AUGMENTATION, 1, step, 16)
    _assert_same(used.plan(AUGMENTATION, 1, 5, 16), _sampler().plan(AUGMENTATION, 1, 5, 16))
    assert not np.array_equal(
        _sampler().plan(AUGMENTATION, 2, 5, 16)["row"], _sampler().plan(AUGMENTATION, 1, 5, 16)["row"]
    )


def test_no_two_streams_are_the_same_at_any_step(monkeypatch):
    """A list of numbers as a seed is padded with zeros: [seed, 1] and [seed, 1, 0] would be one."""
    sampler = _sampler(labels=LABELS[:8])  # each step begins an epoch, which has an order of its own
    make, states = np.random.default_rng, []

    def record(seed):
        states.append(make(seed).bit_generator.state["state"]["state"])
        return make(seed)

    monkeypatch.setattr(np.random, "default_rng", record)
    for seed in (10, 11):  # of which no other test has left an order in a cache
        for step in range(3):
            sampler.plan(AUGMENTATION, seed, step, 7)
    assert len(set(states)) == len(states) >= 2 * 3 * 3


def test_an_epoch_shows_every_row_once_in_an_order_of_its_own():
    rows = [sampling.classifier_plan(LABELS, AUGMENTATION, 0, step, 10)["row"] for step in range(10)]
    first, second = np.concatenate(rows[:5]), np.concatenate(rows[5:])
    assert sorted(first) == sorted(second) == list(range(50))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("single", [0.0, 0.5, 1.0])
def test_targets_differ_in_known_attributes_only_and_in_as_many_as_asked(single):
    counts = []
    for step in range(60):
        plan = _sampler(single).plan(AUGMENTATION, 0, step, 16)
        changed = plan["target"] != plan["label"]
        counts += changed.sum(axis=1)[(plan["label"] != -1).all(axis=1)].tolist()
        assert not (changed & (plan["label"] == -1)).any()
        assert changed[np.arange(16), plan["focus"]].all()
        assert (plan["target"] < np.array(COUNTS)).all()
        np.testing.assert_array_equal(plan["label"], LABELS[plan["row"]])
    shares = np.bincount(counts, minlength=4)[1:] / len(counts)
    np.testing.assert_allclose(shares, [single, (1.0 - single) / 2, (1.0 - single) / 2], atol=0.06)


def test_of_an_image_with_few_known_values_all_are_edited_where_more_are_asked_for():
    labels = LABELS.copy()
    labels[:, 1:] = -1
    plan = _sampler(0.0, labels=labels).plan(AUGMENTATION, 0, 0, 16)
    np.testing.assert_array_equal(plan["target"] != plan["label"], np.tile([True, False, False], (16, 1)))


def test_a_schema_of_one_attribute_has_one_to_edit():
    plan = sampling.EditSampler(LABELS[:, :1], COUNTS[:1], single=0.0, balance=0.5).plan(AUGMENTATION, 0, 0, 16)
    assert (plan["target"] != plan["label"]).all()


def test_references_have_the_edited_value():
    plan = _sampler().plan(AUGMENTATION, 0, 0, 32)
    rows = np.arange(32), plan["focus"]
    np.testing.assert_array_equal(LABELS[plan["reference_row"]][rows], plan["target"][rows])


def test_balance_evens_out_rare_values():
    rare = np.zeros((200, 3), np.int32)
    rare[:, 0] = np.arange(200) % 2
    rare[:4, 2] = 1
    rare[4:8, 2] = 2
    rare[8:60, 2] = 3  # value 3 is 13 times as frequent as 1 and 2

    def share(balance):
        sampler = _sampler(balance=balance, labels=rare)
        drawn = np.concatenate([sampler.plan(AUGMENTATION, 0, s, 100)["target"][:, 2] for s in range(20)])
        return np.mean(drawn[drawn > 0] == 3)

    assert share(0.0) > 0.8 and 0.25 < share(1.0) < 0.5


def test_a_value_that_no_image_has_is_never_a_target():
    labels = LABELS.copy()
    labels[labels[:, 2] == 3, 2] = 0
    for balance in (0.0, 1.0):
        sampler = _sampler(balance=balance, labels=labels)
        assert max(sampler.plan(AUGMENTATION, 0, step, 50)["target"][:, 2].max() for step in range(10)) == 2


def test_images_without_a_known_label_are_no_sources():
    labels = LABELS.copy()
    labels[:25] = -1
    assert min(_sampler(labels=labels).plan(AUGMENTATION, 0, step, 25)["row"].min() for step in range(5)) >= 25
    with pytest.raises(UserError, match="no training image has a known value"):
        _sampler(labels=np.full_like(LABELS, -1))


def test_the_hosts_parts_make_up_the_global_batch():
    plan = _sampler().plan(AUGMENTATION, 0, 0, 24)
    parts = [sampling.host_part(plan, 3, host, 4) for host in range(4)]
    for name, whole in plan.items():
        joined = np.stack([p[name].reshape(3, 2, *whole.shape[1:]) for p in parts], axis=1)
        np.testing.assert_array_equal(joined.reshape(whole.shape), whole)


def test_boxes_stay_inside_and_keep_their_share():
    plan = sampling.classifier_plan(LABELS, AUGMENTATION, 0, 0, 50)
    top_left, bottom_right = plan["box"][:, :2], plan["box"][:, 2:]
    assert (top_left >= 0).all() and (bottom_right <= 1.0 + 1e-6).all()
    assert (bottom_right - top_left).min() >= 0.8 - 1e-6
    assert 10 < plan["flip"].sum() < 40
    plain = sampling.classifier_plan(LABELS, sampling.Augmentation(flip=False, crop=0.0), 0, 0, 50)
    assert not plain["flip"].any() and (plain["box"] == [0, 0, 1, 1]).all()


@pytest.mark.parametrize("size", [1, 7, 8, 9])
def test_evaluation_counts_every_image_once(size):
    counted = [row for rows, valid in sampling.evaluation_rows(size, 4) for row in rows[valid].tolist()]
    assert counted == list(range(size))
    assert {len(rows) for rows, _ in sampling.evaluation_rows(size, 4)} == {4}
