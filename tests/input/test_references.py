"""Which image shows what an edit should look like."""

import numpy as np

from amgan_jax.input.references import ReferenceIndex

COUNTS = (2, 2, 3)
LABELS = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 0], [1, 1, 2], [1, 0, -1]], np.int32)


def _choices(target, changed, focus):
    index, rng = ReferenceIndex(LABELS, COUNTS), np.random.default_rng(0)
    rows = [index.choose(np.array([target]), np.array([changed]), np.array([focus]), rng)[0] for _ in range(60)]
    return set(rows)


def test_an_image_with_the_target_label_is_taken_and_all_of_them_are():
    assert _choices([0, 1, 0], [False, True, False], 1) == {1, 2}


def test_else_the_edited_values_come_first_then_agreement():
    # No image is [1, 1, 0]. Row 3 and 4 have the value 1 in focus, in front; row 3 agrees with more.
    assert _choices([1, 1, 0], [True, False, False], 0) == {3}


def test_where_none_has_all_edited_values_the_one_looked_at_decides():
    # No image has 1 in front and 0 at the end; those with 1 in front are 3 and 4, and 3 agrees with more.
    assert _choices([1, 1, 0], [True, False, True], 0) == {3}
    # Those with 0 at the end are 0, 1 and 2; 1 and 2 agree with more.
    assert _choices([1, 1, 0], [True, False, True], 2) == {1, 2}


def test_unknown_values_of_the_target_agree_with_nothing():
    assert _choices([1, -1, 2], [True, False, False], 0) == {3}


def test_a_batch_is_looked_up_as_one_by_one_whatever_the_number_of_images():
    rng = np.random.default_rng(1)
    counts = (3, 4, 5)
    labels = np.stack([rng.integers(-1, n, 5000) for n in counts], axis=-1).astype(np.int32)
    labels[(labels == 2).all(axis=1)] = 0  # so that no image has the target [2, 2, 2]
    index = ReferenceIndex(labels, counts)
    target = np.tile(np.array([[2, 2, 2], [0, 1, 2]], np.int32), (500, 1))
    changed = np.tile(np.array([[True, False, False]]), (1000, 1))
    rows = index.choose(target, changed, np.zeros(1000, int), rng)
    np.testing.assert_array_equal(labels[rows[1::2]], target[1::2])
    agreement = (labels[rows[::2]] == 2).sum(axis=1)
    assert (labels[rows[::2], 0] == 2).all() and (agreement == 2).all()
    assert len(set(rows.tolist())) > 150  # drawn from many, those beyond the first 1,024 of a value too
    assert len(set((rows[::2] * 4 // 5000).tolist())) == 4
