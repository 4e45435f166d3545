"""The model card that goes with weights, as Markdown."""

from amgan_jax.schema import Schema
from amgan_jax.types import Config

_LOADING = {
    "bundle": '`amgan_jax.load("FOLDER")` in Python, or any command with `--workdir=FOLDER`. Weights are kept as'
    " {dtype}, and loaded as float32.",
    "stablehlo": "`jax.export.deserialize` of the .stablehlo files. What goes in and out is in signature.json.",
    "savedmodel": "`tf.saved_model.load`, or TensorFlow Serving. What goes in and out is in signature.json.",
    "onnx": "onnxruntime. What goes in and out is in signature.json.",
}
_BY_ATTRIBUTE = (
    ("classifier_accuracy", "read right by the attention network"),
    ("edit_accuracy", "edits read as asked for"),
    ("preservation", "kept while others are edited"),
)
_BY_COUNT = (("all", "all of them right"), ("preserved", "all others kept"), ("exact", "both"))
_LIMITS = """\
- It edits pictures like those that it was trained on, and no others.
- Edits are made at {height} x {width} pixels and carried up: new detail is no finer than that.
- Every attribute gets one of the schema's values, also on a picture that has none of them.
- Values are read by networks, and the shares above are judged by a network too.
"""
_NOT_FOR = """\
Not for showing a garment that is for sale as something that it is not; not for pictures of people without their
consent, nor for reading anything of people off their clothes; not where a wrong value does harm.
"""


def write(config: Config, schema: Schema, history: dict, form: str) -> str:
    """The card of a system.

    Args:
      config: the experiment's.
      schema: the dataset's.
      history: see `provenance.of`; with "licence", of the weights, and of a bundle "dtype"; "about_data", what the data
        is and under which licence, where it is known.
      form: what the weights come as, of _LOADING.
    """
    values = "\n".join(f"- {attribute.name}: {', '.join(attribute.values)}" for attribute in schema.attributes)
    steps = ", ".join(f"{name} {step}" for name, step in history["steps"].items())
    sections = {
        "Use": f"{_LOADING[form].format_map(history)}\n\nAttributes and values:\n\n{values}",
        "Data": _data(config, history),
        "Training": f"Updates: {steps}.",
        "Licence of the weights": history["licence"],
        "Figures": _figures(config, schema, history["figures"], history["data"]),
        "Limits": _LIMITS.format(height=config.height, width=config.width).strip(),
        "Not to be used for": _NOT_FOR.strip(),
    }
    title = f"# AMGAN of {config.data.dataset}, {config.height} x {config.width} pixels\n\n"
    about = "Edits attributes of garments in pictures, and reads them. Made with amgan-jax.\n"
    return title + about + "".join(f"\n## {name}\n\n{text}\n" for name, text in sections.items())


def _data(config, history):
    """The dataset's name, what is known of it, and the number of pictures."""
    about, photos = history.get("about_data"), _pictures(history["data"], "train")
    about, photos = f": {about}" if about else "", f", {photos} training pictures" if photos else ""
    return f"{config.data.dataset}{photos}{about}."


def _pictures(data, split):
    """How many a split has; None where it is not known."""
    return data.get(split, {}).get("photos")


def _figures(config, schema, figures, data):
    """Tables by attribute and by k, of those figures that there are."""
    if not figures:
        return "It was not evaluated."
    by_attribute = {n: [figures.get(f"{group}/{n}") for group, _ in _BY_ATTRIBUTE] for n in (*schema.names, "mean")}
    in_turn, by_count = config.edit.in_turn or (), {}
    for k in range(1, 1 + len(schema.names)):
        way = "/in_turn" if k in in_turn else ""
        by_count[f"{k}, one after another" if way else k] = [figures.get(f"edits/k{k}{way}/{s}") for s, _ in _BY_COUNT]
    return (
        f"Shares of {_pictures(data, 'test') or 'the'} test pictures, which it was not trained on.\n\n"
        + _table(("attribute", *(title for _, title in _BY_ATTRIBUTE)), by_attribute)
        + "\n\nEdits of several attributes, in one pass unless it says otherwise.\n\n"
        + _table(("attributes asked for", *(title for _, title in _BY_COUNT)), by_count)
    )


def _table(titles, rows):
    lines = [" | ".join(titles), " | ".join("---" for _ in titles)]
    for name, cells in rows.items():
        lines.append(" | ".join([str(name), *("" if cell is None else f"{cell:.2f}" for cell in cells)]))
    return "\n".join(f"| {line} |" for line in lines)
