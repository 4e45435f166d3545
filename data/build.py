"""Builds a dataset for training.

python data/build.py --dataset=synthetic_garments --height=64 --width=64
python data/build.py --dataset=fashion_products --source=DIR   (DIR/images/<image_id>.jpg)
"""

import pathlib

from absl import flags
import tensorflow_datasets as tfds

from amgan_jax import cli
from amgan_jax.errors import UserError
import labelled_photos

_PHOTOS = {
    "fashion_products": labelled_photos.FashionProducts,
    "clothing_attributes": labelled_photos.ClothingAttributes,
}
_DATASET = flags.DEFINE_enum("dataset", None, ["synthetic_garments", *_PHOTOS], "What to build.")
_SOURCE = flags.DEFINE_string("source", None, "Folder of the photos; rendered garments need none.")
_LABELS = flags.DEFINE_string(
    "labels", None, "Labels file of the photos, if not the one that stands beside this script."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where built datasets go. Default: where TFDS keeps its own.")
_SIZES = {
    "height": flags.DEFINE_integer("height", 64, "Of rendered garments, pixels.", lower_bound=8),
    "width": flags.DEFINE_integer("width", 64, "Of rendered garments, pixels.", lower_bound=8),
    "train": flags.DEFINE_integer("train", 20_000, "Number of rendered training images.", lower_bound=1),
    "validation": flags.DEFINE_integer("validation", 500, "Number of rendered validation images.", lower_bound=1),
    "test": flags.DEFINE_integer("test", 1000, "Number of rendered test images.", lower_bound=1),
}


def main(argv):
    del argv
    data_dir = pathlib.Path(_DATA_DIR.value or tfds.core.constants.DATA_DIR).expanduser()
    builder = _photos_builder(data_dir) if _DATASET.value in _PHOTOS else _garments_builder(data_dir)
    if pathlib.Path(builder.data_dir).exists():
        raise UserError(f"{builder.data_dir} is built already: remove it to build it again")
    try:
        builder.download_and_prepare()
    except OSError as error:
        raise UserError(f"cannot write the dataset to {data_dir}: {error.strerror or error}") from error
    counts = ", ".join(f"{split.num_examples} {name}" for name, split in builder.info.splits.items())
    print(f"built {builder.data_dir}: {counts}")


def _photos_builder(data_dir):
    if not _SOURCE.value:
        raise UserError(f"--dataset={_DATASET.value} needs --source=DIR, the folder that has images/")
    labels = pathlib.Path(_LABELS.value or pathlib.Path(__file__).parent / f"{_DATASET.value}.csv")
    splits = labelled_photos.read_photos(pathlib.Path(_SOURCE.value), labels)
    return _PHOTOS[_DATASET.value](splits=splits, data_dir=data_dir)


def _garments_builder(data_dir):
    if _SOURCE.value:
        raise UserError("--dataset=synthetic_garments takes no --source: its images are rendered")
    from amgan_jax import input_pipeline
    import synthetic_garments  # imports JAX, which photos do not need

    flags_ = {name: flag.value for name, flag in _SIZES.items()}
    return synthetic_garments.SyntheticGarments(
        name=input_pipeline.variant_name(flags_),
        height=flags_["height"],
        width=flags_["width"],
        counts={split: flags_[split] for split in ("train", "validation", "test")},
        data_dir=data_dir,
    )


if __name__ == "__main__":
    flags.mark_flag_as_required("dataset")
    cli.run(main)
