"""docs/tutorial.ipynb runs, and has the outputs of a run."""

import re

import nbclient
import nbformat

from tests import helpers

_PATH = helpers.ROOT / "docs" / "tutorial.ipynb"


def _pictures(notebook):
    """How many pictures each cell has drawn, in order."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code")
    return [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in cells]


def test_the_tutorial_runs_and_shows_what_it_draws(tmp_path, monkeypatch):
    kept = nbformat.read(_PATH, as_version=4)
    shown = _pictures(kept)
    assert _PATH.stat().st_size < 1e6 and sum(shown) > 5
    settings = next(cell for cell in kept.cells if cell.cell_type == "code")
    settings.source, found = re.subn(r"UPDATES = \d+", "UPDATES = 2", settings.source)
    settings.source, more = re.subn(r"GARMENTS = \d+", "GARMENTS = 64", settings.source)
    settings.source, less = re.subn(r"EPOCHS = \d+", "EPOCHS = 1", settings.source)
    assert (found, more, less) == (1, 1, 1)
    monkeypatch.setenv("PYTHONPATH", str(helpers.ROOT))
    run = nbclient.NotebookClient(kept, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert _pictures(run) == shown
