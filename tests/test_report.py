"""What is drawn can be seen."""

import json

import numpy as np
from PIL import Image
import pytest

from amgan_jax import report
from amgan_jax.garments import SCHEMA

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


class _Reader:
    """Reads every attribute as its last value, and edits nothing."""

    schema = SCHEMA

    def classify(self, image):
        last = np.array(self.schema.value_counts, np.int32) - 1
        return np.tile(last, (len(image), 1)), None

    def edit(self, image, source, target):
        return image, image[..., :1]


def test_a_sheet_takes_what_is_read_for_unknown_values_only():
    source = np.zeros((2, len(SCHEMA.names)), np.int32)
    source[1] = -1
    sheet = report.edit_sheet(_Reader(), np.zeros((2, 4, 4, 3), np.float32), source)
    following = [(a.values[1], a.values[0]) for a in SCHEMA.attributes]  # after the first, and after the last
    assert sheet.columns == (*SCHEMA.names, "3 at once")
    assert sheet.values[:-1] == [list(values) for values in following]
    first, second = (cell.split("\n") for cell in sheet.values[-1])
    assert first == [values[0] for values in following[:3]] and second == [values[1] for values in following[1:4]]
