"""What is drawn can be seen."""

import itertools
import json
import re

from matplotlib import font_manager
import numpy as np
from PIL import Image
import pytest

from amgan_jax import report
from amgan_jax.garments import SCHEMA
from amgan_jax.measures import contract, driver

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


def _pixels(path):
    return np.asarray(Image.open(path).convert("L")).astype(int)


def _sheet(tmp_path, *names):
    """The picture of a sheet whose attribute and values have these names."""
    sheet = report.Sheet(
        np.ones((1, 8, 8, 3)), np.ones((1, 1, 8, 8, 3)), np.ones((1, 1, 8, 8, 1)), names[:1], None, [[names[-1]]]
    )
    report.draw_sheet(sheet, tmp_path / "sheet.png", names[0])
    return _pixels(tmp_path / "sheet.png")


@pytest.mark.parametrize("name", ["$0_$50", "$$", r"a $\frac$ b", "_size", "a_b^c"])
def test_names_are_drawn_as_they_are(tmp_path, name):
    """Dollar signs are mathematics to matplotlib, and labels that start with _ none."""
    assert (_sheet(tmp_path, name) < 128).any()
    tables = {name: contract.Table((name, "b"), (name, "b"), np.eye(2))}
    report.draw_tables(tables, tmp_path / "tables.png")
    records = [{"phase": "attention", "step": s, f"accuracy/{name}": 0.5, "loss": 1.0} for s in (1, 2)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    report.draw_curves(tmp_path, tmp_path / "curves.png")
    plain = [{n.replace(name, "x" * len(name)): v for n, v in record.items()} for record in records]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in plain))
    report.draw_curves(tmp_path, tmp_path / "plain.png")
    legend = [np.count_nonzero(_pixels(tmp_path / f"{n}.png")[:, 500:900] < 250) for n in ("curves", "plain")]
    assert legend[0] > 0.8 * legend[1]


def test_letters_that_no_font_has_are_warned_of_once(tmp_path, caplog):
    for letters in ("\U0001fa80", "\u0378"):  # one is too new for fonts, one is no letter at all
        _sheet(tmp_path, "color", letters)
    assert len(re.findall("no font here has", caplog.text)) == 1


def test_letters_of_another_installed_font_are_drawn_in_it(tmp_path, caplog):
    stix, dejavu = (
        set(map(chr, font_manager.get_font(font_manager.findfont(name)).get_charmap()))
        for name in ("STIXGeneral", "DejaVu Sans")
    )
    letters = sorted(filter(str.isalpha, stix - dejavu))
    one, next_one = next(pair for pair in itertools.pairwise(letters) if ord(pair[1]) == ord(pair[0]) + 1)
    assert not np.array_equal(_sheet(tmp_path, one), _sheet(tmp_path, next_one))  # boxes of one alphabet are alike
    assert "no font here has" not in caplog.text


def _write(tmp_path, tables):
    (tmp_path / "metrics.jsonl").write_text('{"phase": "attention", "step": 1, "loss": 1.0}\n')
    image = np.ones((1, 8, 8, 3))
    sheet = report.Sheet(image, image[None], image[None, ..., :1], ("color",), None, [["red"]])
    report.write(tmp_path, {"a": 1.0, "b|$c": 2.0}, driver.Measured({}, tables, {}), sheet, "title")
    return (tmp_path / "report" / "README.md").read_text()


def test_tables_that_no_eye_can_read_are_written_and_not_drawn(tmp_path):
    names = tuple(map(str, range(300)))
    large, small = contract.Table(names, names, np.eye(300)), contract.Table(("a", "b"), ("a", "b"), np.eye(2))
    page = _write(tmp_path, {"large": large, "small": small})
    assert "Too large to be drawn, in tables.json: large." in page and "](tables.png)" in page
    assert max(Image.open(tmp_path / "report" / "tables.png").size) < 1000
    assert len(json.loads((tmp_path / "report" / "tables.json").read_text())["large"]["cells"]) == 300
    (tmp_path / "report" / "tables.png").unlink()
    assert "tables.png" not in _write(tmp_path, {"large": large})
    assert not (tmp_path / "report" / "tables.png").exists()


def test_a_drawing_that_fails_is_a_warning_and_the_rest_is_written(tmp_path, monkeypatch, caplog):
    def fail(*_, **__):
        raise ValueError("no such\nglyph")

    monkeypatch.setattr(report, "draw_sheet", fail)
    page = _write(tmp_path, {})
    assert "edits.png is not drawn: ValueError: no such glyph" in caplog.text
    assert "edits.png" not in page and "curves.png" in page and r"| b\|\$c | 2 |" in page
