"""The benchmark against PyTorch: that the twin is one."""

import pytest

from tests import helpers

pytest.importorskip("torch")

_START = "import sys; sys.path.insert(0, 'benchmarks'); import train_step; from amgan_jax import garments\n"
_TINY = "from amgan_jax.configs import tiny; config = tiny.get_config(); schema = garments.SCHEMA\n"
_CONTESTS = """
source = train_step.noise_source(config, schema)
for name in ("amgan", "attention", "evaluator"):
    train_step.make_contest(config, name, schema, source)
"""


def test_the_twin_has_our_outputs_losses_and_gradients():
    result = helpers.run("-c", _START + _TINY + _CONTESTS)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("the largest of") == 18 and "generator/cycle: ours" in result.stderr


def test_what_differs_is_refused():
    change = "import torch_twin; torch_twin._within = lambda region, view: view\n"
    result = helpers.run("-c", _START + change + _TINY + _CONTESTS)
    assert result.returncode == 1 and "from PyTorch's; 0.001 is the most" in result.stderr.splitlines()[-1]


def test_a_config_that_the_twin_does_not_cover_is_refused():
    result = helpers.run("benchmarks/train_step.py", "--configs=configs/products_128.py")
    helpers.assert_refused(result, "dtype=bfloat16: the PyTorch twin has float32 only")
