"""What is drawn can be seen."""

import json

import numpy as np
from PIL import Image
import pytest

from amgan_jax import report

BLUE = (31, 119, 180)  # the first colour of matplotlib's cycle


@pytest.mark.parametrize("steps", [[100], [100, 200]])
def test_a_curve_is_drawn_even_where_there_is_one_measurement(tmp_path, steps):
    records = [{"phase": "amgan", "step": step, "validation/edit_accuracy/mean": 0.5} for step in steps]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    report.draw_curves(tmp_path, tmp_path / "curves.png")
    pixels = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).astype(int)
    height, width = pixels.shape[0], pixels.shape[1] // 3  # the first of three panels in a row
    middle = pixels[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    assert np.any(np.abs(middle - BLUE).max(axis=-1) < 40)
