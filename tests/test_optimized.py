"""The main job as users run it: all other tests have most of the compiler's optimizations off."""

import numpy as np

from amgan_jax import metrics
from tests import helpers


def test_an_optimized_training_has_the_losses_of_one_that_is_not(trained_workdir, data_dir, tmp_path):
    result = helpers.run(
        "-m", "amgan_jax.main", "--config=configs/tiny.py", f"--workdir={tmp_path / 'w'}",
        f"--config.data.data_dir={data_dir}", "--config.amgan.num_steps=2", "--config.evaluate.measures=('edits',)",
        JAX_DISABLE_MOST_OPTIMIZATIONS="0",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "w" / "report" / "edits.png").exists()
    plain = {(r["phase"], r["step"]): r for r in metrics.read_metrics(trained_workdir)}
    optimized = metrics.read_metrics(tmp_path / "w")
    assert [(r["phase"], r["step"]) for r in optimized[-2:]] == [("evaluator", 8), ("amgan", 2)]
    for record in optimized:
        expected = plain[record["phase"], record["step"]]
        assert record.keys() == expected.keys()
        for name in record.keys() - {"phase"}:
            np.testing.assert_allclose(record[name], expected[name], rtol=1e-2, atol=1e-3, err_msg=name)
