"""Numbers that are not finite."""

from flax import struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amgan_jax.errors import UserError
from amgan_jax.training import checkpoints, finite, loop, parallel
from tests import helpers


class _State(struct.PyTreeNode):
    step: jax.Array
    weight: dict[str, jax.Array]


def _step(state, batch):
    """Adds the batch's mean; its metrics are of before."""
    x = batch["x"].mean()
    metrics = {"loss": state.weight["a"].mean(), "mean": jnp.where(x < 0, jnp.nan, 0.0)}
    return _State(state.step + 1, {"a": state.weight["a"] + x}), metrics


def _state():
    return _State(jnp.zeros((), jnp.int32), {"a": jnp.ones(3)})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_part_of_a_state_that_is_not_finite_is_named(value):
    assert finite.broken_part(_state()) is None
    broken = _state().replace(weight={"a": jnp.ones(3), "b": jnp.array([0.0, value])})
    assert finite.broken_part(broken) == "weight/b"


def test_a_state_that_is_not_finite_is_not_saved_though_the_metrics_of_its_update_are(tmp_path):
    """As they are of before the update."""
    update = parallel.map_step(_step, devices=jax.devices()[:1])
    phase = loop.Phase("attention", 2, 2, update, lambda first: iter([{"x": np.ones(2)}, {"x": np.full(2, np.inf)}]))
    config = helpers.tiny_config()
    config.checkpoint_steps = 1
    with pytest.raises(
        UserError, match="attention: weight/a is not finite after step 2, the checkpoint of step 1 stays"
    ):
        loop.run(phase, config, tmp_path, _state)
    assert checkpoints.Checkpoints(tmp_path / "attention").latest_step() == 1


def test_updates_that_are_not_finite_are_left_out_counted_and_named():
    update = parallel.map_step(finite.skipping(_step), devices=jax.devices()[:1])
    state, window = parallel.replicate(_state()), []
    for x in (1.0, np.inf, 2.0, -1.0):
        state, metrics = update(state, {"x": jnp.full((1, 2), x)})
        window.append({name: float(value) for name, value in metrics.items()})
    assert int(state.step) == 4
    np.testing.assert_array_equal(state.weight["a"], np.full(3, 4.0))
    assert finite.mean(window) == {"loss": 1.5, "mean": 0.0, "skipped": 2.0}
    assert finite.skipped_for(window) == ["parameters", "mean"]


def test_means_of_a_window_in_which_nothing_was_skipped_are_plain_means():
    window = [{"loss": 1.0}, {"loss": 2.0}]
    assert finite.mean(window) == {"loss": 1.5} and finite.skipped_for(window) == []
