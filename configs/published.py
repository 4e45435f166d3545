"""AMGAN on a published set, for one accelerator: configs/published.py:SET.

python data/build.py --dataset=SET --source=DIR    (--annotation=fine, too, for deepfashion)
python -m amgan_jax.main --config=configs/published.py:SET --workdir=WORKDIR

SET: deepfashion or shopping100k at 128 x 96 pixels, celeb_a at 128 x 128 or shapes3d at 64 x 64.
"""

from ml_collections.config_dict import ConfigDict

from amgan_jax.configs import default, products_64
from amgan_jax.errors import check_known


def get_config(dataset: str = "deepfashion") -> ConfigDict:
    """The config of a set; UserError for other names."""
    check_known("set", dataset, _SETS)
    config = _SETS[dataset]()
    config.data.dataset = dataset
    return config


def _deepfashion():
    config = default.get_config()
    config.data.builder.annotation = "fine"  # or coarse
    return _of_length(config, epochs=23.0, warmup_epochs=0.5, decay=0.2)  # of 14,000 photos, which fine has


def _shopping100k():
    return _of_length(default.get_config(), epochs=9.0, warmup_epochs=0.1, decay=0.1)


def _celeb_a():
    config = default.get_config()
    config.height = config.width = 128
    return _of_length(config, epochs=4.0, warmup_epochs=0.04, decay=0.1)


def _shapes3d():
    config = products_64.get_config()
    config.height = config.width = 64
    config.data.flip = False  # which would turn the scene the other way
    config.data.crop = 0.0  # which would change the scale
    config.evaluator.scale = 1  # the images have no more detail
    return _of_length(config, epochs=0.25, warmup_epochs=0.01, decay=0.7)  # of 384,000 images


def _of_length(config, **length):
    """The config with both classifiers trained so long."""
    for classifier in (config.attention, config.evaluator):
        classifier.epochs, classifier.warmup_epochs = length["epochs"], length["warmup_epochs"]
        classifier.optimizer.decay = length["decay"]
    return config


_SETS = {
    "deepfashion": _deepfashion,
    "shopping100k": _shopping100k,
    "celeb_a": _celeb_a,
    "shapes3d": _shapes3d,
}
