"""`synthetic_garments`: rendered garments of any size and number."""

from absl import flags

from amgan_jax.datasets.dataset import Dataset
from amgan_jax.datasets.photo_list import SPLITS
from amgan_jax.input import built

_SUMMARY = "Garments drawn by amgan_jax.garments, every label drawn evenly and independently."


def _define_flags():
    flags.DEFINE_integer("height", 64, "Of rendered garments, pixels.", lower_bound=8)
    flags.DEFINE_integer("width", 64, "Of rendered garments, pixels.", lower_bound=8)
    flags.DEFINE_integer("train", 20_000, "Number of rendered training images.", lower_bound=1)
    flags.DEFINE_integer("validation", 500, "Number of rendered validation images.", lower_bound=1)
    flags.DEFINE_integer("test", 1000, "Number of rendered test images.", lower_bound=1)


def _render(data_dir, **options):
    from amgan_jax.datasets.rendered_garments import SyntheticGarments  # TensorFlow takes seconds: not for --help

    return SyntheticGarments(
        summary=_SUMMARY,
        name=built.variant_name(options),
        height=options["height"],
        width=options["width"],
        counts={split: options[split] for split in SPLITS},
        data_dir=data_dir,
    )


DATASET = Dataset(_SUMMARY, render=_render, flags=("height", "width", *SPLITS), define_flags=_define_flags)
