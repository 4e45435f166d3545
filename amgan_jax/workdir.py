"""What a workdir holds, and whether it belongs to a config and a schema."""

import functools
import json
import pathlib

from ml_collections import config_dict

from amgan_jax.errors import UserError
from amgan_jax.files import write_atomically
from amgan_jax.schema import Schema
from amgan_jax.types import Config

CLASSIFIERS = ("attention", "evaluator")  # sections of a config, and folders of a workdir
SECTIONS = ("resnet", "plain", "efficientnet")  # of a classifier's config: the knobs of each kind of architecture

# Keys whose change leaves what was trained so far valid.
_CHANGEABLE = (
    "amgan.num_steps",
    "checkpoint_steps",
    "data.build",
    "data.data_dir",
    "data.source",
    "data.threads",
    "edit",
    "discriminator_optimizer.decay",
    "evaluate",
    "generator_optimizer.decay",
    "log_steps",
    "sample_images",
    "sample_steps",
    "skip_broken_updates",
)

# Keys, and sections, that what the classifiers learnt depends on.
_OF_CLASSIFIERS = ("data", "dtype", "height", "width", *CLASSIFIERS)

_OF_EDITS = ("data.balance", "data.single")  # but these

# Knobs that came later, each with the value that stands for the time before.
_ADDED = {
    "amgan.condition": ("change", "target"),
    "amgan.crop": 0.0,
    "amgan.cycle_every": 1,
    "amgan.recolors": (),
    "amgan.whole": (),
    "amgan.whole_mask": "head",
    "attention.foreground": 0.0,
    "attention.mixup": 0.0,
    "data.single": 1.0,
    "discriminator.projection": False,
    "discriminator.stages": (),
    "discriminator_loss.source_attributes": 0.0,
    "edit.even": False,
    "edit.in_turn": None,
    "evaluate.read_source": False,
    "evaluator.mixup": 0.0,
    "generator.sees_foreground": False,
    "generator_loss.outside": 0.0,
    "generator_loss.preservation": 0.0,
    "generator_loss.recolor": 0.0,
    "skip_broken_updates": False,
}

# Knobs that are gone, each with the value that `_ADDED` stands for.
_GONE = {"data.max_edits": 1}

# Lengths of the classifiers, which older configs give in steps: what was trained so long stays, see `loop.Phase`.
_LENGTHS = tuple(f"{n}.{key}" for n in CLASSIFIERS for key in ("epochs", "warmup_epochs", "optimizer.decay"))

BUNDLE_WEIGHTS = "weights.safetensors"  # a folder that has it is a bundle: see `bundles.bundle`
LOCK = ".owner"  # and files whose names start like it: see `ownership`
REPLACED = "replaced"  # a folder of trainings that other data has replaced: see `fingerprint`


def is_bundle(directory: pathlib.Path) -> bool:
    """Whether a directory holds a bundle, which also has a workdir's config.json and schema.json."""
    return (directory / BUNDLE_WEIGHTS).is_file()


def prepare(workdir: pathlib.Path, config: config_dict.ConfigDict, schema: Schema, write: bool) -> None:
    """Makes the workdir, or checks that what it holds was trained with this config and schema.

    Args:
      workdir: need not exist.
      config: the experiment's.
      schema: the dataset's.
      write: whether this host writes: all hosts check, so that none waits for one that was refused.

    Raises:
      UserError: it holds another config's or schema's work, something else, or cannot be written.
    """
    if workdir.exists() and not workdir.is_dir():
        raise UserError(f"{workdir} is not a directory: name a new one or one that holds this config's work")
    if (workdir / "config.json").exists():
        check(workdir, config, schema)
    elif workdir.is_dir() and not all(_is_ours(p.name) for p in workdir.iterdir()):
        raise UserError(f"{workdir} holds files but no config.json: name a new directory, or a workdir")
    if write:
        write_atomically(workdir / "schema.json", schema.to_json() + "\n")
        write_atomically(workdir / "config.json", config.to_json(indent=1) + "\n")


def check(workdir: pathlib.Path, config: config_dict.ConfigDict, schema: Schema) -> None:
    """Raises UserError unless the directory is a workdir of this config and schema.

    Before AMGAN's training has begun, only what the classifiers depend on has to be the same.
    """
    old_config, old_schema = load(workdir)
    _check_same_schema(workdir, old_schema, schema)
    begun = (workdir / "amgan").exists() or is_bundle(workdir)
    keys = changed_keys(old_config, config) if begun else changed_classifiers(old_config, config)
    _check_same_config(workdir, old_config, config, keys)


def load(workdir: pathlib.Path) -> tuple[Config, Schema]:
    """The config and schema of a workdir.

    Raises:
      UserError: it is not a workdir, or its files are broken.
    """
    for name in ("config.json", "schema.json"):
        if not (workdir / name).is_file():
            raise UserError(f"{workdir} is not a workdir of amgan_jax.main: it has no {name}")
    try:
        tree = json.loads((workdir / "config.json").read_text())
    except json.JSONDecodeError as error:
        raise UserError(f"{workdir / 'config.json'} is not JSON: {error}") from error
    for key, value in _ADDED.items():
        *section, name = key.split(".")
        node = functools.reduce(lambda node, part: node.setdefault(part, {}), section, tree)
        node.setdefault(name, value)
    for key, value in _GONE.items():
        section, name = key.split(".")
        if tree[section].get(name) == value:
            del tree[section][name]
    if "warmup_steps" not in tree["amgan"]:
        _read_steps(tree)
    return config_dict.ConfigDict(_tuples(tree)), Schema.from_json((workdir / "schema.json").read_text())


def changed_keys(old: config_dict.ConfigDict, new: config_dict.ConfigDict) -> list[str]:
    """The keys, dotted and sorted, whose difference makes the work of one config none of the other's."""
    was, is_ = (_flatten(_used(json.loads(config.to_json()))) for config in (old, new))
    return sorted(
        key
        for key in was.keys() | is_.keys()
        if was.get(key) != is_.get(key)
        and not any(f"{key}.".startswith(f"{ok}.") for ok in _CHANGEABLE)
        and not (key in _LENGTHS and f"{key.partition('.')[0]}.epochs" not in was)
    )


def changed_classifiers(old: config_dict.ConfigDict, new: config_dict.ConfigDict) -> list[str]:
    """Those of `changed_keys` whose difference makes the classifiers of one config none of the other's."""
    keys = changed_keys(old, new)
    return [key for key in keys if key.partition(".")[0] in _OF_CLASSIFIERS and key not in _OF_EDITS]


def section_of(architecture: str) -> str:
    """The section of a classifier's config that has the knobs of an architecture."""
    return "efficientnet" if architecture.startswith("efficientnet") else architecture


def _read_steps(tree):
    """Turns what older configs give in steps into shares, and `network` into the section of its architecture."""
    amgan = tree["amgan"]
    for name in ("generator_optimizer", "discriminator_optimizer"):
        optimizer = tree[name]
        amgan["warmup_steps"] = optimizer.pop("warmup_steps")
        optimizer["decay"] = min(1.0, optimizer.pop("decay_steps") / amgan["num_steps"])
    for name in CLASSIFIERS:
        classifier = tree[name]
        classifier[section_of(classifier["architecture"])] = classifier.pop("network")
        optimizer = classifier["optimizer"]
        optimizer["decay"] = min(1.0, optimizer.pop("decay_steps") / classifier.pop("num_steps"))
        del optimizer["warmup_steps"]


def _used(tree):
    """A config without what is without effect.

    That is the sections of architectures that a classifier does not have, and without a foreground head, which
    attributes are of the whole garment, without which in turn where their masks come from.
    """
    for name in CLASSIFIERS:
        section = section_of(tree[name]["architecture"])
        tree[name] = {key: v for key, v in tree[name].items() if key not in SECTIONS or key == section}
    if not tree["attention"]["foreground"]:
        tree["amgan"]["whole"] = []
    if not tree["amgan"]["whole"]:
        del tree["amgan"]["whole_mask"]
    return tree


def _is_ours(name):
    """Whether a file is config.json or schema.json, what a killed write of them left, a lock's, or was moved aside."""
    return name == REPLACED or name.lstrip(".").startswith(("config.json", "schema.json", LOCK[1:]))


def _tuples(tree):
    """Turns the lists of JSON back into the tuples of configs, which modules can be hashed with."""
    if isinstance(tree, dict):
        return {name: _tuples(value) for name, value in tree.items()}
    return tuple(_tuples(value) for value in tree) if isinstance(tree, list) else tree


def _check_same_schema(workdir, old, new):
    if old != new:
        names = [a.name for a in new.attributes if a not in old.attributes]
        names += [a.name for a in old.attributes if a not in new.attributes]
        where = f" (attribute {', '.join(dict.fromkeys(names))})" if names else ""
        raise UserError(
            f"{workdir} holds work with another schema{where}: name another --workdir, or train again with"
            " --new_data=retrain"
        )


def _check_same_config(workdir, old, new, keys):
    if keys:
        was, is_ = (_flatten(json.loads(config.to_json())).get(keys[0]) for config in (old, new))
        more = f" and {len(keys) - 1} more keys" if len(keys) > 1 else ""
        raise UserError(
            f"{workdir} holds work with another config: {keys[0]} was {was}, is {is_}{more}; name another --workdir"
        )


def _flatten(tree, prefix=""):
    flat = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
