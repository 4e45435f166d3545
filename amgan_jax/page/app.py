"""The page: widgets, and what happens where one is used. What it shows is made by `edits`."""

import dataclasses
import functools
import html
import pathlib
import shutil
import tempfile

import gradio as gr

from amgan_jax.editing.photo_editor import PhotoEditor
from amgan_jax.errors import UserError
from amgan_jax.page import edits

_STYLE = pathlib.Path(__file__).with_name("style.css")
_HOUR = 3600  # seconds
_FORMATS = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".avif"]
_KEEP = ("keep", "")  # the choice of a value that shall stay
_HEAD = "<h1>Change a garment</h1><p>Take a photo, say what the garment should be, and see it so.</p>"
_EMPTY = "<div>Drop a photo above, or take a sample.<br>It is read first; you can correct what was misread.</div>"


@dataclasses.dataclass(frozen=True)
class _Visit:
    """What one browser tab has: a folder of its files, the open photo, and its edits, the latest first."""

    folder: pathlib.Path
    photo: edits.Opened | None = None
    history: tuple[edits.Edit, ...] = ()


def serve(editor: PhotoEditor, host: str, port: int) -> None:
    """Serves the page until the process is stopped. Only `host` is listened to."""
    with tempfile.TemporaryDirectory(prefix="amgan-page-") as folder:
        page = build(editor, pathlib.Path(folder))
        print(f"the page is ready: http://{host}:{port} (stop it with Ctrl-C)", flush=True)
        launch(page, host, port, prevent_thread_lock=False)


def launch(page: gr.Blocks, host: str, port: int | None, prevent_thread_lock: bool) -> tuple:
    """Starts the server of a page, and waits for Ctrl-C unless the thread shall go on; port None: any that is free."""
    return page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=prevent_thread_lock,
        quiet=True,
        footer_links=[],
        theme=_theme(),
        css_paths=[_STYLE],
    )


def _theme():
    """Quiet greys, and the system's own fonts: the page asks no other server for any."""
    theme = gr.themes.Base(
        primary_hue="zinc", neutral_hue="zinc", radius_size="lg", font=["system-ui", "sans-serif"],
        font_mono=["monospace"],
    )  # fmt: skip
    return theme.set(
        button_primary_background_fill="*primary_900",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
    )


def build(editor: PhotoEditor, folder: pathlib.Path) -> gr.Blocks:
    """The page of an editor. Visits keep their files in folders of their own under `folder`."""
    with gr.Blocks(title="Change a garment", analytics_enabled=False, delete_cache=(_HOUR, 24 * _HOUR)) as page:
        _Page(editor, folder).connect(page)
    return page.queue()


def _readable(handler):
    """Bad input becomes a message on the page; the page stays as it is."""

    @functools.wraps(handler)
    def handle(*args):
        try:
            return handler(*args)
        except UserError as error:
            said = html.escape(str(error), quote=False)
            raise gr.Error(said, title="That did not work", print_exception=False) from error

    return handle


def _said(text):
    return f'<div role="status">{html.escape(text)}</div>'


class _Page:
    """The widgets. What a visitor does is kept in `visit`, never here."""

    def __init__(self, editor: PhotoEditor, folder: pathlib.Path):
        self.editor, self.folder = editor, folder
        self.visit = gr.State(None, time_to_live=24 * _HOUR, delete_callback=_forget)
        gr.HTML(_HEAD, elem_id="head")
        with gr.Row():
            with gr.Column(scale=3, min_width=340):
                self._lay_out_photo()
                self._lay_out_pictures()
            with gr.Column(scale=2, min_width=340, visible=False) as self.choices:
                self._lay_out_choices()

    def _lay_out_photo(self):
        with gr.Row(elem_id="take"):
            self.file = gr.File(
                label="A photo", show_label=False, file_types=_FORMATS, type="filepath", height=112, min_width=280,
                elem_id="file",
            )  # fmt: skip
            self.samples = gr.Gallery(
                label="Samples", show_label=False, columns=4, fit_columns=False, allow_preview=False, interactive=False,
                height=112, min_width=280, buttons=[], elem_id="samples", visible=edits.has_samples(self.editor.schema),
            )  # fmt: skip

    def _lay_out_pictures(self):
        self.empty = gr.HTML(_EMPTY, elem_id="empty")
        with gr.Tabs(visible=False) as self.pictures:
            with gr.Tab("Before and after"):
                self.before_after = gr.ImageSlider(
                    label="Before and after", show_label=False, type="filepath", interactive=False, max_height=640,
                    buttons=["fullscreen"], elem_id="before_after",
                )  # fmt: skip
            with gr.Tab("What was painted"):
                self.mask = gr.Image(
                    label="In colour: what was painted anew", type="pil", interactive=False, height=640,
                    buttons=["fullscreen"], elem_id="mask",
                )  # fmt: skip
            with gr.Tab("All values"):
                names = [(edits.title(name), name) for name in self.editor.schema.names]
                self.grid_of = gr.Dropdown(names, value=names[0][1], label="All values of", filterable=False)
                self.draw_grid = gr.Button("Show them")
                self.grid = gr.Gallery(
                    label="One picture a value",
                    columns=3,
                    height="auto",
                    object_fit="contain",
                    buttons=[],
                    elem_id="grid",
                )
        self.history = gr.Gallery(
            label="Your edits, the latest first", columns=6, height="auto", fit_columns=False, allow_preview=False,
            object_fit="contain", interactive=False, buttons=[], visible=False, elem_id="history",
        )  # fmt: skip

    def _lay_out_choices(self):
        self.words = gr.Textbox(
            label="Say what it should be", placeholder="a navy jumper, no buttons", submit_btn=True, elem_id="words"
        )
        self.said = gr.HTML(elem_id="said")
        self.sources, self.targets = [], []
        for attribute in self.editor.schema.attributes:
            name, values = edits.title(attribute.name), [(edits.title(value), value) for value in attribute.values]
            with gr.Row(elem_classes="pair"):
                self.sources.append(gr.Dropdown(values, label=f"{name} is", filterable=False, min_width=120))
                targets = [_KEEP, *values]
                self.targets.append(
                    gr.Dropdown(targets, value="", label=f"{name} should be", filterable=False, min_width=120)
                )
        self.edit = gr.Button("Edit", variant="primary", elem_id="edit")
        self.download = gr.DownloadButton("Download the edited photo", interactive=False, elem_id="download")

    def connect(self, page: gr.Blocks) -> None:
        """Says what happens where a widget is used. One thing at a time runs on the networks; others queue."""
        on_networks = {"concurrency_limit": 1, "concurrency_id": "networks", "show_progress": "minimal"}
        opened = [
            self.visit, self.empty, self.pictures, self.choices, self.before_after, self.mask, self.grid, self.said,
            self.download, *self.sources, *self.targets,
        ]  # fmt: skip
        shown = [self.visit, self.before_after, self.mask, self.said, self.download, self.history]
        chosen = [self.visit, *self.sources, *self.targets]
        if edits.has_samples(self.editor.schema):
            # Drawn when the page is up: that takes seconds, a photo need not wait.
            page.load(self._draw_samples, None, self.samples, concurrency_limit=1, concurrency_id="samples")
        taken = self.file.upload(_readable(self._open), [self.visit, self.file], opened, **on_networks)
        for then in (taken.success, taken.failure):  # after a bad one, too, another can be dropped
            then(lambda: None, None, self.file, show_progress="hidden")
        self.samples.select(_readable(self._open_sample), self.visit, opened, **on_networks)
        self.edit.click(_readable(self._edit), chosen, shown, **on_networks)
        understood = self.words.submit(_readable(self._understand), self.words, [self.said, *self.targets])
        understood.success(_readable(self._edit), chosen, shown, **on_networks)
        self.draw_grid.click(
            _readable(self._draw_grid), [self.visit, self.grid_of, *self.sources], self.grid, **on_networks
        )
        self.history.select(self._show_again, self.visit, [self.before_after, self.mask, self.said, self.download])

    def _draw_samples(self):
        return [str(path) for path in edits.write_samples(self.editor.schema, self.folder)]

    def _open_sample(self, visit, event: gr.SelectData):
        return self._open(visit, edits.write_samples(self.editor.schema, self.folder)[event.index])

    def _open(self, visit, path):
        visit = visit or _Visit(pathlib.Path(tempfile.mkdtemp(dir=self.folder)))
        photo = edits.open_photo(self.editor, pathlib.Path(path), visit.folder)
        values, confidence = photo.read.values, photo.read.confidence
        sources = [
            gr.update(value=values[name], label=f"{edits.title(name)} is ({confidence[name]:.0%} sure)")
            for name in self.editor.schema.names
        ]
        return {
            self.visit: dataclasses.replace(visit, photo=photo),
            self.empty: gr.update(visible=False),
            self.pictures: gr.update(visible=True),
            self.choices: gr.update(visible=True),
            self.before_after: (str(photo.shown), str(photo.shown)),
            self.mask: None,
            self.grid: None,
            self.said: _said("This is what was read. Correct it where it is wrong."),
            self.download: gr.update(value=None, interactive=False),
            **dict(zip(self.sources, sources, strict=True)),
            **dict.fromkeys(self.targets, ""),
        }

    def _understand(self, text):
        asked, said = edits.understand(self.editor.schema, text)
        targets = [asked.get(name, gr.skip()) for name in self.editor.schema.names]
        return [_said(f"Understood: {said}"), *targets]

    def _edit(self, visit, *chosen):
        names = self.editor.schema.names
        sources, targets = chosen[: len(names)], chosen[len(names) : 2 * len(names)]
        asked = {name: value for name, value in zip(names, targets, strict=True) if value}
        edit = edits.edit(self.editor, visit.photo, dict(zip(names, sources, strict=True)), asked, visit.folder)
        visit = dataclasses.replace(visit, history=(edit, *visit.history))
        history = [(str(each.after), each.asked) for each in visit.history]
        return {self.visit: visit, self.history: gr.update(value=history, visible=True), **self._show(edit)}

    def _show_again(self, visit, event: gr.SelectData):
        return self._show(visit.history[event.index])

    def _show(self, edit):
        return {
            self.before_after: (str(edit.before), str(edit.after)),
            self.mask: edit.overlay,
            self.said: _said(f"Edited: {edit.asked}"),
            self.download: gr.update(value=str(edit.after), interactive=True),
        }

    def _draw_grid(self, visit, attribute, *sources):
        source = dict(zip(self.editor.schema.names, sources, strict=True))
        return edits.grid(self.editor, visit.photo, source, attribute)


def _forget(visit):
    """Deletes the files of a visit that is over."""
    if visit is not None:
        shutil.rmtree(visit.folder, ignore_errors=True)
