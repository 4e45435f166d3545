"""Warnings of training that goes wrong without a sound."""

import numpy as np
import pytest

from amgan_jax import report
from amgan_jax.schema import Schema
from amgan_jax.training import health

SCHEMA = Schema.from_values({"color": ["red", "blue"], "collar": ["round", "shirt"]})
HEALTHY = {
    "generator/mask": 0.3,
    "generator/attention": 0.1,
    "discriminator/global/critic": -1.0,
    "discriminator/global/penalty": 0.02,
}


def test_healthy_training_is_not_warned_of():
    assert health.diagnose("amgan", 1000, HEALTHY) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"generator/mask": 0.001}, "mask is stuck at 0"),
        ({"generator/mask": 0.99}, "mask is stuck at 1"),
        (
            {"discriminator/global/critic": 0.0, "discriminator/global/penalty": 0.99},
            "global discriminator has collapsed",
        ),
        (
            {"discriminator/global/critic": -300.0, "discriminator/global/penalty": 50.0},
            "global discriminator has run away",
        ),
    ],
)
def test_each_failure_is_named_with_its_remedy(change, said):
    (warning,) = health.diagnose("amgan", 1000, HEALTHY | change)
    assert said in warning and ("lower" in warning or "raise" in warning)
    assert health.diagnose("amgan", 10, HEALTHY | change) == []  # too early to say


def test_no_mask_is_no_failure_of_a_generator_that_has_none():
    without = {name: v for name, v in HEALTHY.items() if name != "generator/attention"}
    assert health.diagnose("amgan", 1000, without | {"generator/mask": 1.0}) == []


def test_a_generator_that_ignores_its_condition_is_named():
    image = np.zeros((2, 8, 8, 3))
    same = np.full((3, 2, 8, 8, 3), 0.5)
    heeding = same * np.arange(3).reshape(3, 1, 1, 1, 1)

    def sheet(edited):
        return report.Sheet(image, edited, np.ones((3, 2, 8, 8, 1)), ("a", "b", "c"), None, [["x"] * 2] * 3)

    (warning,) = health.diagnose_samples(1000, sheet(same))
    assert "ignores its condition" in warning
    assert health.diagnose_samples(1000, sheet(heeding)) == []


def test_an_attribute_that_cannot_be_read_is_named():
    label = np.stack([np.arange(100) % 2, np.arange(100) % 2], axis=-1)
    predicted = label.copy()
    predicted[:, 1] = 0  # always the commonest value
    (warning,) = health.diagnose_classifier(SCHEMA, predicted, label)
    assert "cannot read collar: 0.50 of the validation images, 0.50 by guessing" in warning
