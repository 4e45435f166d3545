"""What people look at: sample sheets, training curves, and the written report."""

from collections.abc import Callable, Iterable, Mapping
import contextlib
import functools
import io
import json
import logging
import pathlib
import re
from typing import Any, NamedTuple
import warnings

import matplotlib
from matplotlib import figure, font_manager
import numpy as np

from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically
from amgan_jax.metrics import read_metrics
from amgan_jax.schema import UNKNOWN

_FONT = "DejaVu Sans"  # which matplotlib brings
_LEGIBLE = 40  # rows or columns of a table, beyond which its picture cannot be read
_log = logging.getLogger(__name__)

_AT_ONCE = 3  # attributes that a sheet's last column asks for


class Sheet(NamedTuple):
    """Photos and their edits, C columns.

    image: float32 [N, H, W, 3]; edited: [C, N, H, W, 3]; mask: [C, N, H, W, 1].
    columns: name of each column. target: int32 [C, N, A], the labels that were asked for; values: of each column,
      what it asks to change of each of the N photos.
    """

    image: np.ndarray
    edited: np.ndarray
    mask: np.ndarray
    columns: tuple[str, ...]
    target: np.ndarray
    values: list[list[str]]


def edit_sheet(editor: Any, image: np.ndarray, source: np.ndarray) -> Sheet:
    """Edits each image once an attribute, and several attributes at once, to the values after those that it has.

    Args:
      editor: an `editor.Editor`.
      image: float32 [N, H, W, 3] in [-1, 1].
      source: int32 [N, A]; where it is unknown, the predicted value stands in.
    """
    schema, rows = editor.schema, np.arange(len(image))
    unknown = source == UNKNOWN
    if unknown.any():
        source = np.where(unknown, editor.classify(image)[0], source)
    following = (source + 1) % schema.value_counts
    attribute = np.arange(len(schema.names))
    asked = [np.tile(attribute == a, (len(image), 1)) for a in attribute]
    names = list(schema.names)
    if len(attribute) > _AT_ONCE:  # others in each row
        asked.append((attribute - rows[:, None]) % len(attribute) < _AT_ONCE)
        names.append(f"{_AT_ONCE} at once")
    targets = [np.where(asked_NxA, following, source) for asked_NxA in asked]
    edited, masks = zip(*(editor.edit(image, source, target) for target in targets), strict=True)
    values = [["\n".join(_changed(schema, *labels)) for labels in zip(source, t, strict=True)] for t in targets]
    return Sheet(image, np.stack(edited), np.stack(masks), tuple(names), np.stack(targets), values)


def _changed(schema, source, target):
    """The names of the values that come."""
    return [schema.attributes[a].values[target[a]] for a in np.flatnonzero(source != target)]


def draw_sheet(sheet: Sheet, path: pathlib.Path, title: str) -> None:
    """Draws a row a photo: the source, then each edit with its mask beside it."""
    with _names_as_they_are([title, *sheet.columns, *(value for column in sheet.values for value in column)]):
        _draw_sheet(sheet, path, title)


def _draw_sheet(sheet, path, title):
    columns, rows = sheet.edited.shape[:2]
    height, width = sheet.image.shape[1:3]
    strips = [sheet.image]
    for edited, mask in zip(sheet.edited, sheet.mask, strict=True):
        strips += [edited, np.repeat(mask * 2.0 - 1.0, 3, axis=-1)]
    cells = np.stack(strips, axis=1)
    mosaic = cells.transpose(0, 2, 1, 3, 4).reshape(rows * height, len(strips) * width, 3)
    scale = 0.85 / width  # inches a pixel
    page = figure.Figure(figsize=(len(strips) * width * scale, rows * height * scale + 0.5), layout="constrained")
    axes = page.subplots()
    axes.imshow(np.clip((mosaic + 1.0) / 2.0, 0.0, 1.0), interpolation="nearest")
    names = ["source", *(name for a in sheet.columns for name in (a, "mask"))]
    axes.set_xticks((np.arange(len(strips)) + 0.5) * width, names, fontsize=8)
    axes.xaxis.tick_top()
    axes.set_yticks([])
    for c in range(columns):
        for r in range(rows):
            axes.text(
                (1 + 2 * c) * width + 1, r * height + 1, sheet.values[c][r], fontsize=6, va="top",
                bbox={"facecolor": "white", "alpha": 0.7, "pad": 0.8, "linewidth": 0},
            )  # fmt: skip
    page.suptitle(title, fontsize=9)
    save_page(page, path)


def draw_curves(workdir: pathlib.Path, path: pathlib.Path) -> None:
    """Draws every metric of metrics.jsonl over the steps, a panel a phase and group."""
    panels = {}
    for record in read_metrics(workdir):
        for name, value in record.items():
            if name not in ("phase", "step"):
                group, _, leaf = name.rpartition("/")
                curve = panels.setdefault((record["phase"], group), {}).setdefault(leaf, ([], []))
                curve[0].append(record["step"])
                curve[1].append(value)
    with _names_as_they_are([name for (_, group), curves in panels.items() for name in (group, *curves)]):
        _draw_curves(panels, path)


def _draw_curves(panels, path):
    page = figure.Figure(figsize=(12, 3 * -(-len(panels) // 3)), layout="constrained")
    for i, ((phase, group), curves) in enumerate(panels.items()):
        axes = page.add_subplot(-(-len(panels) // 3), 3, i + 1)
        lines = [
            axes.plot(steps, values, linewidth=1, marker="." if len(steps) == 1 else None)[0]
            for steps, values in curves.values()
        ]
        axes.set_title(f"{phase} {group}".strip(), fontsize=9)
        axes.legend(lines, list(curves), fontsize=6)  # a label of a line is left out where it starts with _
        axes.tick_params(labelsize=7)
    save_page(page, path)


def draw_tables(tables: Mapping[str, Any], path: pathlib.Path) -> None:
    """Draws tables {name: `measures.contract.Table`} as heat maps."""
    with _names_as_they_are([n for name, table in tables.items() for n in (name, *table.rows, *table.columns)]):
        _draw_tables(tables, path)


def _draw_tables(tables, path):
    columns = min(len(tables), 5)
    rows = -(-len(tables) // columns)
    page = figure.Figure(figsize=(3.4 * columns, 3.2 * rows), layout="constrained")
    for i, (name, table) in enumerate(tables.items()):
        axes = page.add_subplot(rows, columns, i + 1)
        axes.imshow(table.cells, vmin=0.0, vmax=1.0, cmap="viridis")
        axes.set_xticks(range(len(table.columns)), table.columns, rotation=90, fontsize=6)
        axes.set_yticks(range(len(table.rows)), table.rows, fontsize=6)
        axes.set_title(name, fontsize=8)
        for (r, c), value in np.ndenumerate(table.cells):
            if not np.isnan(value):
                color = "black" if value > 0.6 else "white"
                axes.text(c, r, f"{value:.2f}", fontsize=5, ha="center", va="center", color=color)
    save_page(page, path)


def draw_charts(charts: Mapping[str, Any], path: pathlib.Path) -> None:
    """Draws charts {name: `measures.contract.Chart`}, a panel each."""
    page = figure.Figure(figsize=(6.5 * len(charts), 4.0), layout="constrained")
    for axes, (name, chart) in zip(page.subplots(1, len(charts), squeeze=False)[0], charts.items(), strict=True):
        for i, (line, values) in enumerate(chart.lines.items()):
            axes.plot(chart.places, values, label=line, color=f"C{i // 2}", linestyle=("-", ":")[i % 2], marker=".")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel(chart.axis, fontsize=8)
        axes.set_xticks(chart.places)
        axes.set_ylim(0.0, 1.0)
        axes.legend(fontsize=7)
    save_page(page, path)


def write(workdir: pathlib.Path, metrics: dict[str, float], measured: Any, sheet: Sheet, title: str) -> None:
    """Writes report/: metrics.json, intervals.json, tables.json, their pictures, and README.md.

    Args:
      workdir: where.
      metrics: the flat figures.
      measured: `driver.Measured`, whose intervals, tables and charts are written beside them.
      sheet: edits of test images.
      title: what was evaluated, for the pictures and the page.
    """
    folder, tables, charts = workdir / "report", measured.tables, measured.charts
    intervals = {name: (f.low, f.high) for name, f in measured.figures.items() if f.low is not None}
    small = {name: table for name, table in tables.items() if max(np.shape(table.cells)) <= _LEGIBLE}
    pictures = [
        name
        for name, draw in (
            ("edits.png", functools.partial(draw_sheet, sheet, title=title)),
            ("curves.png", functools.partial(draw_curves, workdir)),
            ("charts.png", functools.partial(draw_charts, charts) if charts else None),
            ("tables.png", functools.partial(draw_tables, small) if small else None),
        )
        if draw and try_to_draw(draw, folder / name)
    ]
    plain = {name: {"rows": t.rows, "columns": t.columns, "cells": _without_nan(t.cells)} for name, t in tables.items()}
    for name, content in (("metrics", metrics), ("intervals", intervals), ("tables", plain)):
        write_atomically(folder / f"{name}.json", json.dumps(content, indent=1, sort_keys=True) + "\n")
    left_out = [name for name in tables if name not in small]
    write_atomically(folder / "README.md", _page(metrics, intervals, pictures, left_out, title))


def _without_nan(cells):
    """A table's cells as JSON has them: null where there is nothing."""
    return [[None if np.isnan(cell) else float(cell) for cell in row] for row in cells]


def try_to_draw(draw: Callable[[pathlib.Path], None], path: pathlib.Path) -> bool:
    """Draws a picture to a path; whether that has worked: a warning where it has not, as nothing depends on it.

    Raises:
      UserError: it cannot be written.
    """
    try:
        draw(path)
    except UserError:
        raise
    except Exception as error:  # whatever fonts, names and sizes bring matplotlib to raise
        _log.warning("%s is not drawn: %s: %s", path, type(error).__name__, " ".join(str(error).split()))
        return False
    return True


def _page(metrics, intervals, pictures, left_out, title):
    def row(name):
        low, high = intervals.get(name, (None, None))
        return f"| {_escaped(name)} | {metrics[name]:.4g} | {'' if low is None else f'{low:.4g} to {high:.4g}'} |"

    rows = "\n".join(map(row, sorted(metrics)))
    texts = {
        "edits.png": "a photo a row: the source, then an edit of each attribute and its mask",
        "charts.png": "scores by number of attributes",
        "tables.png": "a heat map a table: a row a true or source value",
        "curves.png": "training curves",
    }
    shown = {name: f"![{text}]({name})\n\n" for name, text in texts.items() if name in pictures}
    note = f"Too large to be drawn, in tables.json: {', '.join(map(_escaped, left_out))}.\n\n" if left_out else ""
    return (
        f"# {title}\n\n{shown.get('edits.png', '')}| measure | value | 95% interval over images |\n|---|---|---|\n"
        f"{rows}\n\n{shown.get('charts.png', '')}{shown.get('tables.png', '')}{note}{shown.get('curves.png', '')}"
    ).rstrip("\n") + "\n"


def _escaped(name):
    """A name in a Markdown page, where a bar starts a cell and a dollar sign mathematics."""
    return re.sub(r"[\\|$<*`]", r"\\\g<0>", name)


@contextlib.contextmanager
def _names_as_they_are(names: Iterable[str]):
    """Draws names in fonts that have their letters, and dollar signs as such, not as mathematics."""
    letters = frozenset("".join(names)) - {"\n"}
    with (
        matplotlib.rc_context({"text.parse_math": False, "font.family": _fonts_for(letters)}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # which `_fonts_for` has warned of
        yield


@functools.cache
def _fonts_for(letters: frozenset[str]) -> list[str]:
    """Matplotlib's own font, and installed ones that have letters which it does not; a warning if none has."""
    families = [_FONT]
    missing = letters - _letters_of(font_manager.findfont(_FONT))
    installed = [font for font in font_manager.fontManager.ttflist if "Last Resort" not in font.name]  # has boxes only
    for font in sorted(installed, key=lambda font: (font.style != "normal", font.name)):
        found = missing & _letters_of(font.fname) if missing else frozenset()
        if found:
            families.append(font.name)
            missing -= found
    if missing:
        _warn_of_boxes()
    return families


@functools.cache
def _warn_of_boxes():
    """Once, not for each picture."""
    _log.warning("no font here has all letters of the names: pictures show boxes; install one, such as fonts-noto-cjk")


@functools.cache
def _letters_of(path: str) -> frozenset[str]:
    """The letters that a font file has; none where it cannot be read."""
    try:
        return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


def save_page(page: figure.Figure, path: pathlib.Path) -> None:
    """Writes a figure as PNG."""
    buffer = io.BytesIO()
    # No date and version inside of the file: the same pixels are the same bytes.
    page.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    write_atomically(path, buffer.getvalue())
