"""Checkpoints when the disk is full or damaged."""

import jax
import numpy as np
import pytest

from amgan_jax import garments
from amgan_jax.errors import UserError
from amgan_jax.training import checkpoints, parallel, state
from tests import helpers


def _state():
    return state.init_classifier(helpers.tiny_config(), "attention", garments.SCHEMA)


def test_the_newest_state_and_its_seconds_come_back(tmp_path):
    saved = checkpoints.Checkpoints(tmp_path)
    for step in (1, 2, 3):
        saved.save(parallel.replicate(_state()).replace(step=jax.numpy.asarray(step)), 10.0 * step)
    restored, seconds, window, finished = checkpoints.Checkpoints(tmp_path).restore(_state())
    assert int(restored.step) == 3 and seconds == 30.0 and window == []
    assert not finished
    assert checkpoints.progress(tmp_path) == (3, 30.0)
    pairs = zip(jax.tree.leaves(restored.variables), jax.tree.leaves(_state().variables), strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["2", "3"]


def test_an_empty_directory_says_to_train_first(tmp_path):
    with pytest.raises(UserError, match="holds no checkpoint: train it"):
        checkpoints.restore(tmp_path / "attention", _state())


def test_a_damaged_checkpoint_is_named(tmp_path):
    checkpoints.Checkpoints(tmp_path).save(parallel.replicate(_state()), 1.0)
    for path in (tmp_path / "0" / "state").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(UserError, match="cannot read checkpoint .*/0: .*go on from the one before"):
        checkpoints.Checkpoints(tmp_path).restore(_state())


# A limit on the size of files fails the write as a full disk does, for a user who is not root too.
_FULL_DISK = """
import pathlib, resource, signal, sys
from amgan_jax.training import checkpoints, parallel
from amgan_jax import cli
from tests.training import test_checkpoints
import jax
directory = pathlib.Path(sys.argv[1])
saved = checkpoints.Checkpoints(directory)
state = parallel.replicate(test_checkpoints._state())
saved.save(state, 1.0)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
sys.argv = sys.argv[:1]
cli.run(lambda argv: saved.save(state.replace(step=jax.numpy.asarray(1)), 2.0))
"""


def test_a_full_disk_is_told_in_one_line_and_the_last_checkpoint_stays(tmp_path):
    result = helpers.run("-c", _FULL_DISK, tmp_path / "attention")
    helpers.assert_refused(result, "cannot save checkpoint", "attention/1", "step 0 is still there", "free some space")
    again = checkpoints.Checkpoints(tmp_path / "attention")
    assert again.latest_step() == 0
    assert again.restore(_state()).seconds == 1.0
