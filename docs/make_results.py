"""Fills the tables of README.md and docs/results.md from the figures in docs/results/.

python docs/make_results.py [--check]

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`. Where its file is not there, nothing
stands between them; a row whose figures a report lacks is left out.
"""

from collections.abc import Sequence
import json
import pathlib
import re
import sys

from absl import flags
import numpy as np

from amgan_jax import cli
from amgan_jax.errors import UserError

_ROOT = pathlib.Path(__file__).parent.parent
PAGES = (_ROOT / "README.md", _ROOT / "docs" / "results.md")
_RESULTS = _ROOT / "docs" / "results"
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_TRAININGS = {"quickstart": "32 x 32", "synthetic_64_cpu": "64 x 64"}  # reports of rendered garments
_WAYS = {"one pass": "", "one after another": "in_turn/"}
_COMPARISONS = {
    "compare_published": "as published, 32 x 32",
    "compare_published_64": "as published, 64 x 64",
    "compare": "all with our additions, 32 x 32",
}
_SYSTEMS = {
    "amgan": "AMGAN",
    "stargan": "StarGAN",
    "ganimation": "GANimation",
    "sagan": "SaGAN",
    "no_regional": "AMGAN without regional discriminator",
    "no_attention": "AMGAN without attention loss",
    "no_perceptual": "AMGAN without perceptual loss",
}
_BASELINES = ("stargan", "ganimation", "sagan")
_PHOTO_TRAININGS = {"clothing_64_cpu": "taken at home, 64 x 64"}  # reports, of sets of attributes
_SET_COLUMNS = {
    "asked value read": "edits/k1/all",
    "asked colour read": "edit_accuracy/color",
    "two asked, both read": "edits/k2/all",
    "other values kept": "edits/k1/preserved",
    "the same values, unedited": "evaluator_accuracy/mean",
    "garment found (IoU)": "foreground/iou",
}
_PHOTO_COLUMNS = {
    "asked value read": "edit_accuracy/mean",
    "asked colour read": "edit_accuracy/color",
    "other values kept": "preservation/mean",
    "the same values, unedited": "evaluator_accuracy/mean",
    "classify right": "classifier_accuracy/mean",
}

_CHECK = flags.DEFINE_bool(
    "check", False, "Write nothing; exit with 1 where a page differs from what would be written."
)


def main(argv: Sequence[str]) -> None:
    del argv
    differ = []
    for page in PAGES:
        text = page.read_text()
        filled = fill(text, _RESULTS)
        if filled != text:
            differ.append(page.name)
            if not _CHECK.value:
                page.write_text(filled)
    print(f"{'differ' if _CHECK.value else 'written'}: {', '.join(differ) or 'none'}")
    sys.exit(bool(differ and _CHECK.value))


def fill(text: str, results: pathlib.Path) -> str:
    """A page with its tables made from the files in a folder.

    Raises:
      UserError: the page names a table that there is not.
    """

    def make(match):
        start, name, end = match.groups()
        if name not in TABLES:
            raise UserError(f"unknown table {name}: {', '.join(TABLES)}")
        content = TABLES[name](results)
        return f"{start}\n{content}\n\n{end}" if content else start + end

    return _BLOCK.sub(make, text)


def _summary(results):
    """One training, a row a number of attributes."""
    figures = _read(results, "quickstart")
    header = (
        "attributes asked for",
        "all of them right",
        "other values kept",
        "right, and all others kept",
        "to the true picture",
    )
    rows = []
    for k in _counts(figures):
        shares = [_share(figures, f"edits/k{k}/{name}") for name in ("all", "preserved", "exact")]
        decibels = [_decibel(figures, f"edits/k{k}/{name}") for name in ("psnr", "psnr_unedited")]
        rows.append([str(k), *shares, f"{decibels[0]} dB (unedited {decibels[1]})" if all(decibels) else ""])
    caption = (
        "Share of edits of 512 test garments, `configs/quickstart.py`, all attributes of an edit in one pass; what"
        " [the columns mean](docs/measures.md#several-attributes-at-once)."
    )
    return _captioned(caption, header, rows)


def _by_count(share, question, show=None):
    """A function of the results folder to a table: a row a training and way, a column a number of attributes."""

    def make(results):
        rows, counts = [], set()
        for name, size in _TRAININGS.items():
            figures = _read(results, name)
            counts.update(_counts(figures))
            for way, prefix in _WAYS.items():
                rows.append((f"{size}, {way}", figures, f"{prefix}{share}"))
            if share == "psnr":
                rows.append((f"{size}, unedited", figures, "psnr_unedited"))
        cells = [
            [title, *((show or _share)(figures, f"edits/k{k}/{key}") for k in sorted(counts))]
            for title, figures, key in rows
        ]
        return _captioned(question, ("attributes asked for", *map(str, sorted(counts))), cells)

    return make


def _by_attribute(results):
    """Edits of one attribute, a row a training."""
    reports = {size: _read(results, name) for name, size in _TRAININGS.items()}
    attributes = [key.partition("/")[2] for f in reports.values() for key in f if key.startswith("edit_accuracy/")]
    attributes = [*sorted({a for a in attributes if a != "mean"}), "mean"]
    rows = [[size, *(_share(f, f"edit_accuracy/{a}") for a in attributes)] for size, f in reports.items()]
    return _captioned(
        "Which attribute is hard to edit? Share of edits of that attribute alone after which the evaluator reads the"
        " value that was asked for.",
        ("", *attributes),
        rows,
    )


def _others(results):
    """What else a report has, a row a training."""
    columns = {
        "other values kept": (_share, "preservation/mean"),
        "mask over true region (IoU)": (_share, "counterfactual/mask_iou"),
        "similarity to the true picture (SSIM)": (_share, "counterfactual/ssim"),
        "found in a search (top 10)": (_share, "retrieval/top_10"),
        "classify right": (_share, "classifier_accuracy/mean"),
        "evaluator right": (_share, "evaluator_accuracy/mean"),
    }
    reports = {size: _read(results, name) for name, size in _TRAININGS.items()}
    rows = [[size, *(show(f, key) for show, key in columns.values())] for size, f in reports.items()]
    return _captioned("How do edits of one attribute score otherwise?", ("", *columns), rows)


def _full_size(results):
    rows = []
    for name, size in _TRAININGS.items():
        figures = _read(results, name)
        for factor in (4, 8):
            keys = [f"full_size/x{factor}/{way}" for way in ("psnr", "psnr_bilinear")]
            rows.append([f"{size}, carried up {factor} times", *(_decibel(figures, key) for key in keys)])
    return _captioned(
        "Is an edit at the photo's own size nearer to the true picture than a stretched one? Decibels, 64 garments.",
        ("", "by guided filter", "bilinear"),
        rows,
    )


def _compared(share, question, show=None):
    """A function of the results folder to a table: a row a system of each comparison."""

    def make(results):
        rows, counts = [], set()
        for name, title in _COMPARISONS.items():
            systems = _read(results, name)
            keys = {k: f"edits/k{k}/{share}" for f in systems.values() for k in _counts(f)}
            counts.update(k for k, key in keys.items() if all(key in f for f in systems.values()))
            rows += [(f"{_system(s)}, {title}", f, _best(systems, keys)) for s, f in systems.items()]
        cells = [
            [title, *((show or _spread)(f, f"edits/k{k}/{share}", best.get(k)) for k in sorted(counts))]
            for title, f, best in rows
        ]
        return _captioned(question, ("attributes asked for", *map(str, sorted(counts))), cells)

    return make


def _ratios(results):
    """AMGAN against the best baseline, a row a comparison."""
    rows, counts = [], set()
    for name, title in _COMPARISONS.items():
        systems = _read(results, name)
        ratios = {}
        for k in {k for f in systems.values() for k in _counts(f)}:
            mean = {s: np.mean(f[f"edits/k{k}/all"]) for s, f in systems.items() if f"edits/k{k}/all" in f}
            ours = next((s for s in mean if s.startswith("amgan")), None)
            best = max((s for s in mean if s.startswith(_BASELINES)), key=mean.get, default=None)
            if ours and best and mean[best]:
                ratios[k] = f"{mean[ours] / mean[best]:.2f} ({_system(best)})"
        rows.append((title, ratios))
        counts.update(ratios)
    cells = [[title, *(ratios.get(k, "") for k in sorted(counts))] for title, ratios in rows]
    return _captioned(
        "How many times as often as the best baseline does AMGAN get everything right that was asked for?",
        ("attributes asked for", *map(str, sorted(counts))),
        cells,
    )


def _compare_links(results):
    """Where the rest of each comparison is."""
    pages = [(name, title) for name, title in _COMPARISONS.items() if (results / f"{name}.md").exists()]
    links = ", ".join(f"[{title}](results/{name}.md)" for name, title in pages)
    picture = results / "compare_published_edits.png"
    shown = f"\n\n![the same test garments through every system](results/{picture.name})" if picture.exists() else ""
    return f"Commands, costs of an update, curves and pictures: {links}.{shown}" if links else ""


def _photo_sets(results):
    """A row a training on photos."""
    figures = {name: {"photos": photos, **_read(results, name)} for name, photos in _PHOTO_TRAININGS.items()}
    caption = "How well are photos edited? Shares of test photos, trained for sets of attributes, one seed."
    return _photo_table(caption, figures, _SET_COLUMNS)


def _photos(results):
    caption = (
        "How well are photos edited? Test photos, **trained for one attribute at a time, without masks**, one seed."
    )
    return _photo_table(caption, _read(results, "photos_single"), _PHOTO_COLUMNS)


def _photo_table(caption, by_config, columns):
    """A row a config, with the photos that it is of; none for a config without a figure."""
    rows = {name: [_share(figures, key) for key in columns.values()] for name, figures in by_config.items()}
    cells = [[name, by_config[name]["photos"], *shares] for name, shares in rows.items() if any(shares)]
    return _captioned(caption, ("config", "photos", *columns), cells)


def _read(results, name):
    """The content of a file of figures; nothing where it is not there."""
    path = results / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _counts(figures):
    return sorted({int(m.group(1)) for key in figures if (m := re.match(r"edits/k(\d+)/all$", key))})


def _share(figures, key):
    return f"{figures[key]:.2f}" if key in figures else ""


def _decibel(figures, key):
    return f"{figures[key]:.1f}" if key in figures else ""


def _best(systems, keys):
    """{k: the least mean that is as good as the best}: within the larger standard deviation of the two."""
    best = {}
    for k, key in keys.items():
        found = [(np.mean(f[key]), _deviation(f[key])) for f in systems.values() if key in f]
        if found:
            top, spread = max(found)
            best[k] = min(mean for mean, own in found if mean >= top - max(spread, own))
    return best


def _deviation(values):
    return np.std(values, ddof=1) if len(values) > 1 else 0.0


def _spread(figures, key, best, digits=2):
    """Mean and standard deviation over seeds, bold where as good as the best."""
    if key not in figures:
        return ""
    mean = f"{np.mean(figures[key]):.{digits}f}"
    spread = f" ± {_deviation(figures[key]):.{digits}f}" if len(figures[key]) > 1 else ""
    return (f"**{mean}**" if best is not None and np.mean(figures[key]) >= best else mean) + spread


def _spread_decibel(figures, key, best):
    return _spread(figures, key, best, digits=1)


def _system(name):
    base = name.removesuffix("_published")
    return _SYSTEMS.get(base, base.replace("_", " "))


def _captioned(caption, header, rows):
    """A table under its question; empty where no row has a figure."""
    rows = [row for row in rows if any(row[1:])]
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return f"*{caption}*\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


TABLES = {
    "summary": _summary,
    "all": _by_count("all", "Does everything come that was asked for? Share of edits all of whose values are read."),
    "exact": _by_count(
        "exact", "Does it come, and nothing else change? Share of edits that are all right and keep every other value."
    ),
    "preserved": _by_count("preserved", "Do values stay that were not asked for? Share of values that are still read."),
    "psnr": _by_count("psnr", "How near is the edit to the true picture? Decibels.", _decibel),
    "attributes": _by_attribute,
    "others": _others,
    "full_size": _full_size,
    "ratios": _ratios,
    "compared_all": _compared("all", "How often is everything read that was asked for?"),
    "compared_preserved": _compared("preserved", "How often do values stay that were not asked for?"),
    "compared_psnr": _compared("psnr", "How near is the edit to the true picture? Decibels.", _spread_decibel),
    "compare_links": _compare_links,
    "photo_sets": _photo_sets,
    "photos": _photos,
}


if __name__ == "__main__":
    cli.run(main)
