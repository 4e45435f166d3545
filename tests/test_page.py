"""The page in a headless browser: upload, edit, bad files, two visitors, a telephone's width."""

import io
import shutil

import numpy as np
from PIL import Image
import pillow_heif
import pytest

from amgan_jax.editing import photo_editor
from amgan_jax.page import edits
from tests import helpers
from tests.editing.test_photo_editor import Known

gradio = pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")

from amgan_jax.page import app  # noqa: E402

_PATIENCE = 120_000  # milliseconds, for busy machines


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where a page is served whose system is `Known`: it reads garments darker than grey as green, and brightens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edits, "has_samples", lambda schema: False)  # rendering compiles for seconds
        page = app.build(photo_editor.PhotoEditor(Known()), tmp_path_factory.mktemp("page"))
    _, url, _ = app.launch(page, "127.0.0.1", None, prevent_thread_lock=True)
    yield url
    page.close()


def _chromium():
    """Chromium of the system; None where Playwright's own is to be used."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-headless-shell", "google-chrome"))), None)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {error}")
        yield started
        started.close()


@pytest.fixture
def visit(browser, address):
    """Opens the page anew, so wide."""
    tabs = []

    def go(width=1280):
        tabs.append(browser.new_page(viewport={"width": width, "height": 844}))
        tabs[-1].set_default_timeout(_PATIENCE)
        tabs[-1].goto(address)
        tabs[-1].locator("#file input[type=file]").wait_for(state="attached")
        return tabs[-1]

    yield go
    for tab in tabs:
        tab.close()


def _file(level, name="photo.png"):
    buffer = io.BytesIO()
    Image.new("RGB", (61, 40), (level, level, level)).save(buffer, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()}


def _heic(level):
    """As telephones take and name them."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 40), (level, level, level))).save(buffer, quality=90)
    return {"name": "IMG_0001.HEIC", "mimeType": "image/heic", "buffer": buffer.getvalue()}


def _go_to(tab, script):
    """Presses Tab until what has the focus is what a script says of `it`."""
    for _ in range(60):
        if tab.evaluate(f"(it => {script})(document.activeElement)"):
            return
        tab.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not get to {script}")


def _upload(tab, file):
    tab.locator("#file input[type=file]").set_input_files(file)


def _choose(tab, label, value):
    tab.get_by_label(label, exact=True).click()
    tab.get_by_role("option", name=value, exact=True).last.click()  # the list before may still be fading
    playwright.expect(tab.get_by_label(label, exact=True)).to_have_value(value, timeout=_PATIENCE)


def _say(tab, text):
    """Types words, and edits by Enter."""
    box = tab.get_by_label("Say what it should be")
    box.fill(text)
    box.press("Enter")


def _downloaded(tab):
    with tab.expect_download() as download:
        tab.locator("#download").click()
    return np.asarray(Image.open(download.value.path()))


def _wait_for(tab, text):
    tab.get_by_text(text).first.wait_for()


def test_a_photo_is_read_corrected_edited_and_downloaded(visit):
    tab = visit()
    _upload(tab, _file(51))
    _wait_for(tab, "color is (75% sure)")
    assert tab.get_by_label("color is (75% sure)").input_value() == "green"
    _choose(tab, "color is (75% sure)", "blue")
    _choose(tab, "color should be", "green")  # which was read, and is to be changed to as it was misread
    tab.get_by_role("button", name="Edit", exact=True).click()
    _wait_for(tab, "Edited: color: green")
    after = _downloaded(tab)
    assert after.shape == (40, 61, 3) and np.abs(after.astype(int) - 102).max() <= 1
    assert tab.locator("#history button").count() == 1


def test_a_telephones_photo_is_edited_by_keyboard(visit):
    tab = visit()
    _go_to(tab, "it.closest('#file') !== null")
    _upload(tab, _heic(51))  # the window that asks for a file is not the page's
    _wait_for(tab, "color is (75% sure)")
    _go_to(tab, "it.getAttribute('aria-label') === 'color should be'")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    playwright.expect(tab.get_by_label("color should be")).not_to_have_value("keep", timeout=_PATIENCE)
    _go_to(tab, "it.id === 'edit'")
    tab.keyboard.press("Enter")
    _wait_for(tab, "Edited: color: ")
    _go_to(tab, "it.closest('#download') !== null")
    assert _downloaded(tab).shape == (40, 64, 3)


def test_words_are_understood_and_what_is_not_is_said_and_the_page_goes_on(visit):
    tab = visit()
    _upload(tab, _file(51))
    _wait_for(tab, "Say what it should be")
    _say(tab, "quxly")
    _wait_for(tab, "asks for nothing")
    _say(tab, "a red one")
    _wait_for(tab, "Edited: color: red")
    assert tab.get_by_label("color should be").input_value() == "red"


def test_a_bad_file_gets_a_message_that_names_it_and_the_page_goes_on(visit):
    tab = visit()
    _upload(tab, {"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"})
    _wait_for(tab, "broken.png is not a picture that can be read")
    assert "/tmp" not in tab.locator("body").inner_text()
    tab.locator("#file input[type=file]").wait_for(state="attached")
    _upload(tab, _file(51))
    _wait_for(tab, "color is (75% sure)")


def test_two_visitors_at_once_each_get_their_own(visit):
    tabs = [visit(), visit()]
    for tab, level in zip(tabs, (0, 102), strict=True):
        _upload(tab, _file(level))
    for tab in tabs:
        _wait_for(tab, "Say what it should be")
        _say(tab, "red")
    for tab, level in zip(tabs, (0, 102), strict=True):
        _wait_for(tab, "Edited: color: red")
        assert np.abs(_downloaded(tab).astype(int) - (level + 51)).max() <= 1


def test_a_telephone_shows_all_of_it(visit):
    tab = visit(width=390)
    _upload(tab, _file(51))
    _wait_for(tab, "color is (75% sure)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    box = tab.get_by_role("button", name="Edit", exact=True).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["height"] >= 40


def test_a_port_that_is_taken_is_said_before_anything_is_loaded(address):
    port = address.rstrip("/").rpartition(":")[2]
    helpers.assert_refused(
        helpers.run("-m", "amgan_jax.demo", "--workdir=none", f"--port={port}"), f"--port={port} is taken"
    )
