"""Labels as arrays."""

import numpy as np

from amgan_jax import encoding

COUNTS = (2, 3)


def test_one_hot_leaves_unknown_values_zero():
    planes = encoding.one_hot(np.array([[1, -1], [-1, 2]]), COUNTS)
    np.testing.assert_array_equal(planes, [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]])


def test_a_condition_has_the_change_then_the_values_to_have_and_nothing_of_what_is_unknown():
    source, target = np.array([[0, 1], [-1, 1], [1, 0]]), np.array([[0, 2], [1, 1], [-1, 0]])
    change, wanted = np.split(encoding.condition(source, target, COUNTS, ("change", "target")), 2, axis=-1)
    np.testing.assert_array_equal(change, [[0, 0, 0, -1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(wanted, [[1, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0]])
    for part, planes in (("change", change), ("target", wanted)):
        np.testing.assert_array_equal(encoding.condition(source, target, COUNTS, (part,)), planes)


def test_most_likely_reads_each_attribute_by_itself():
    label, confidence = encoding.most_likely(np.array([[0.0, np.log(3.0), 5.0, 5.0, 6.0]]), COUNTS)
    np.testing.assert_array_equal(label, [[1, 2]])
    np.testing.assert_allclose(confidence, [[0.75, np.e / (np.e + 2.0)]], rtol=1e-5)


def test_pooled_logits_are_of_the_mean_probability():
    sure, unsure = np.log([[0.9, 0.1, 0.2, 0.2, 0.6]]), np.log([[0.3, 0.7, 0.5, 0.3, 0.2]]) + 2.0
    _, confidence = encoding.most_likely(encoding.pool([sure, unsure], COUNTS), COUNTS)
    np.testing.assert_allclose(confidence, [[0.6, 0.4]], rtol=1e-5)
