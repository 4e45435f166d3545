"""The main job as users run it: all other tests have most of the compiler's optimizations off."""

import shutil

import numpy as np

from amgan_jax import metrics
from tests import helpers


def test_an_optimized_training_has_the_losses_of_one_that_is_not(trained_workdir, data_dir, tmp_path):
    """Of AMGAN, on the same classifiers: theirs would be compiled for as long again."""
    shutil.copytree(trained_workdir, tmp_path / "w")
    shutil.rmtree(tmp_path / "w" / "amgan")
    shutil.rmtree(tmp_path / "w" / "report")
    result = helpers.run(
        "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={tmp_path / 'w'}",
        f"--config.data.data_dir={data_dir}", "--config.amgan.num_steps=2", "--config.evaluate.measures=('edits',)",
        JAX_DISABLE_MOST_OPTIMIZATIONS="0",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "w" / "report" / "edits.png").exists()
    plain, optimized = (
        [record for record in metrics.read_metrics(w) if record["phase"] == "amgan"]
        for w in (trained_workdir, tmp_path / "w")
    )
    assert len(optimized) == 1 and optimized[0].keys() == plain[0].keys()
    for name in optimized[0].keys() - {"phase"}:
        np.testing.assert_allclose(optimized[0][name], plain[0][name], rtol=1e-2, atol=1e-3, err_msg=name)
