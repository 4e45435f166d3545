"""One training step of each network, for one device, to be mapped by `parallel.map_step`.

A step is pure; bind its first arguments with functools.partial. Batches come with a
leading axis K of microbatches, of which the classifiers use one and AMGAN one for each
update of the discriminators.
"""

from collections.abc import Callable
import functools
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax
from jax import lax
import jax.numpy as jnp
import optax

from amgan_jax import encoding
from amgan_jax.models import classifiers, generator, layers, networks, regions
from amgan_jax.models.activation_maps import activation_maps
from amgan_jax.models.networks import GLOBAL, REGIONAL, Length
from amgan_jax.schema import UNKNOWN, Schema
from amgan_jax.training import losses, parallel
from amgan_jax.training.state import ClassifierState, TrainState
from amgan_jax.types import Config, Metrics, Tree

# What is to be read off images, by name, and how much it weighs.
Truths = list[tuple[dict[str, jax.Array], jax.Array | float]]


def classifier_step(
    config: Config, name: str, schema: Schema, length: Length, state: ClassifierState, batch: dict[str, jax.Array]
) -> tuple[ClassifierState, Metrics]:
    """One update of the attention network or the evaluator.

    Args:
      config: the experiment's.
      name: "attention" or "evaluator".
      schema: the dataset's.
      length: of the training.
      state: where training stands.
      batch: image float32 [1, B, H, W, 3] in [-1, 1], label int32 [1, B, A]; of a network with a foreground head,
        foreground float32 [1, B, H, W, 1], see `input.source.Source`.

    Returns:
      (state, metrics: {"loss", "accuracy/<attribute>"}, and "foreground", the head's loss).
    """
    network = networks.build_classifier(config, name, schema, parallel.AXIS)
    optimizer = networks.build_optimizer(config[name].optimizer, length)
    truth = {key: x[0] for key, x in batch.items() if key != "image"}
    image, truths_and_weights = mixup(config[name], state.step, batch["image"][0], truth)

    def loss_fn(params):
        variables = {**state.variables, "params": params}
        output, updates = network.apply(variables, image, train=True, mutable=["batch_stats"])
        parts = _mixed_parts(schema, output, truths_and_weights)
        loss, parts = losses.weighted_sum(parts, {"label": 1.0, "foreground": config.attention.foreground})
        return loss, (output.logits, updates, parts)

    gradient_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (loss, (logits, updates, parts)), gradient = gradient_fn(state.variables["params"])
    gradient, updates, loss, parts = lax.pmean((gradient, updates, loss, parts), parallel.AXIS)
    change, optimizer_state = optimizer.update(gradient, state.optimizer, state.variables["params"])
    params = optax.apply_updates(state.variables["params"], change)
    del parts["label"]
    metrics = {"loss": loss, **parts, **_accuracies(logits, truth["label"], schema)}
    return ClassifierState(state.step + 1, {"params": params, **updates}, optimizer_state), metrics


def _mixed_parts(schema: Schema, output: classifiers.Classification, truths_and_weights: Truths):
    """The parts of a classifier's loss on images that `mixup` has made."""
    parts = {}
    for truth, weight in truths_and_weights:
        own = {"label": losses.attribute_cross_entropy(output.logits, truth["label"], schema.value_counts)}
        if output.foreground is not None:
            own["foreground"] = losses.foreground(output.foreground, truth["foreground"])
        parts = {name: parts.get(name, 0.0) + weight * part for name, part in own.items()}
    return parts


def mixup(config: Config, step: jax.Array, image: jax.Array, truth: dict[str, jax.Array]) -> tuple[jax.Array, Truths]:
    """Mixup (Zhang et al. 2018) of neighbours in a batch, which come in pairs.

    Args:
      config: of the classifier.
      step: that the weights are drawn for.
      image: float32 [B, H, W, 3].
      truth: of the images, by name, such as label int32 [B, A].

    Returns:
      (image [B, H, W, 3], [(truth, weight in [0, 1]), ...]): the truths that are in it.
    """
    if not config.mixup:
        return image, [(truth, 1.0)]
    weight = jax.random.beta(jax.random.fold_in(jax.random.key(config.seed), step), config.mixup, config.mixup)
    own = jnp.maximum(weight, 1.0 - weight)
    swap = lambda x: x.reshape(-1, 2, *x.shape[1:])[:, ::-1].reshape(x.shape)  # noqa: E731
    return own * image + (1.0 - own) * swap(image), [(truth, own), (jax.tree.map(swap, truth), 1.0 - own)]


def amgan_step(
    config: Config, schema: Schema, state: TrainState, attention_variables: Tree, batch: dict[str, jax.Array]
) -> tuple[TrainState, Metrics]:
    """`n_critic` updates of both discriminators and one of the generator.

    Args:
      config: the experiment's.
      schema: the dataset's.
      state: where training stands.
      attention_variables: the frozen attention network's.
      batch: with K = n_critic,
        image, reference: float32 [K, B, H, W, 3] in [-1, 1];
        label, reference_label, target: int32 [K, B, A];
        focus: int32 [K, B], the attribute that the regional discriminator looks at.

    Returns:
      (state, metrics): scalars, among them every part of every loss.
    """
    frozen = FrozenNetwork(config, schema, attention_variables)
    for number in range(config.amgan.n_critic):
        microbatch = {name: x[number] for name, x in batch.items()}
        guide = frozen.guide(microbatch)
        # The last microbatch's edits are judged by the generator's update too: made once, differentiated later.
        inputs = (microbatch["image"], microbatch["label"], microbatch["target"], guide.foreground)
        edit = functools.partial(_edit, config, schema, *inputs)
        output, pull_back = jax.vjp(edit, state.generator)
        fake = frozen.look(output.edited).view
        state, metrics = _update_discriminators(config, schema, state, fake, guide, microbatch, number)
    state, generator_metrics = _update_generator(config, schema, state, frozen, output, pull_back, guide, microbatch)
    return state.replace(step=state.step + 1), {**metrics, **generator_metrics}


class Look(NamedTuple):
    """An image as the frozen attention network has it.

    view: what the discriminators see of it: its pixels [B, H, W, 3] or, with `discriminator.stages`, feature
      maps [B, h, w, C].
    features: [B, C], the last stage's, spatially pooled, which the head reads values off.
    logits: [B, V].
    """

    view: jax.Array
    features: jax.Array
    logits: jax.Array


class Guide(NamedTuple):
    """Where the edit of each example is, and what it should look like.

    regions: float32 [B, H, W, A], that of an edit of each attribute, see `models.regions`.
    focus_region: float32 [B, H, W, 1], where the regional discriminator looks: that of the focus.
    reference_region: float32 [B, H, W, 1], where it looks in the reference, which has a foreground of its own.
    edit_region: float32 [B, H, W, 1], the largest over all edited attributes.
    foreground: float32 [B, H, W, 1] in [0, 1], where the garment is; None without a head for it.
    image, reference: what the frozen network sees of them.
    """

    regions: jax.Array
    focus_region: jax.Array
    reference_region: jax.Array
    edit_region: jax.Array
    foreground: jax.Array | None
    image: Look
    reference: Look


class FrozenNetwork:
    """What the frozen attention network sees in a batch."""

    def __init__(self, config: Config, schema: Schema, variables: Tree):
        self._network = networks.build_classifier(config, "attention", schema)
        self._variables = variables
        self._value_counts = schema.value_counts
        self._whole = networks.whole(config, schema)
        self._size = (config.height, config.width)
        self._stages = config.discriminator.stages

    def look(self, image: jax.Array) -> Look:
        """What it makes of an image [B, H, W, 3]."""
        return self._look(image, self._classify(image))

    def guide(self, batch: dict[str, jax.Array]) -> Guide:
        """The guide of a microbatch."""
        of_image, of_reference = self._classify(batch["image"]), self._classify(batch["reference"])
        lost, gained = self._see(of_image, batch["label"]), self._see(of_reference, batch["target"])
        regions_BxHxWxA = regions.regions(lost, gained, self._whole)
        changed_BxA = encoding.changed(batch["label"], batch["target"])
        focus_BxA = jax.nn.one_hot(batch["focus"], changed_BxA.shape[-1])
        return Guide(
            regions=regions_BxHxWxA,
            focus_region=regions.largest(regions_BxHxWxA, focus_BxA),
            reference_region=regions.largest(regions.regions(gained, lost, self._whole), focus_BxA),
            edit_region=regions.largest(regions_BxHxWxA, changed_BxA),
            foreground=lost.foreground,
            image=self._look(batch["image"], of_image),
            reference=self._look(batch["reference"], of_reference),
        )

    def _classify(self, image: jax.Array):
        return cast(classifiers.Classification, self._network.apply(self._variables, image))

    def _look(self, image: jax.Array, classification: classifiers.Classification):
        feature_maps = classification.feature_maps
        view = classifiers.stack(feature_maps, self._stages) if self._stages else image
        return Look(view, layers.spatial_mean(feature_maps[-1]), classification.logits)

    def _see(self, classification: classifiers.Classification, label: jax.Array):
        feature_map, logits = classification.feature_maps[-1], classification.foreground
        maps = activation_maps(self._variables, feature_map, label, self._value_counts, self._size)
        return regions.Seen(maps, None if logits is None else jax.nn.sigmoid(logits))


def _edit(
    config: Config,
    schema: Schema,
    image: jax.Array,
    source: jax.Array,
    target: jax.Array,
    foreground: jax.Array | None,
    params: Tree,
) -> generator.Output:
    """Images, of which it may be known where the garment is, brought from their source to their target values."""
    condition = encoding.condition(source, target, schema.value_counts, config.amgan.condition)
    network = networks.build_generator(config, schema)
    return _apply(network, params, image, condition, encoding.changed(source, target), foreground)


def _apply(network: nn.Module, params: Tree, *inputs) -> Any:
    """What a network makes of inputs; flax does not know its type."""
    return network.apply({"params": params}, *inputs)


class Pair(NamedTuple):
    """Views that a discriminator tells apart, and the labels int32 [B, A] of the values that it reads off them.

    real_label: the real image's. source_label: what the edit's source has.
    """

    real: jax.Array
    fake: jax.Array
    real_label: jax.Array
    source_label: jax.Array


def _update_discriminators(
    config: Config,
    schema: Schema,
    state: TrainState,
    fake: jax.Array,
    guide: Guide,
    batch: dict[str, jax.Array],
    number: int,
):
    """One update of both discriminators by a microbatch, whose edits they see as `fake`: (state, metrics)."""
    network = networks.build_discriminator(config, schema)
    length = networks.amgan_length(config)
    optimizer = networks.build_optimizer(config.discriminator_optimizer, length, config.amgan.n_critic)
    mix_B = jax.vmap(jax.random.uniform)(
        parallel.example_keys(config.seed, state.step, number, batch["image"].shape[0])
    )
    values = encoding.one_hot(_focus_only(batch, "target"), schema.value_counts)
    pairs = _pairs(config, fake, guide, batch)

    def loss_fn(discriminators):
        total, named = 0.0, {}
        for name, pair in pairs.items():
            discriminate = functools.partial(_apply, network, discriminators[name])
            parts = _discriminator_parts(config, schema, discriminate, pair, values, mix_B)
            loss, parts = losses.weighted_sum(parts, config.discriminator_loss)
            total += loss
            named |= {f"{name}/{part}": value for part, value in parts.items()}
        return total, named

    (_, parts), gradient = jax.value_and_grad(loss_fn, has_aux=True)(state.discriminators)
    gradient, parts = lax.pmean((gradient, parts), parallel.AXIS)
    change, optimizer_state = optimizer.update(gradient, state.discriminator_optimizer, state.discriminators)
    discriminators = optax.apply_updates(state.discriminators, change)
    metrics = {f"discriminator/{name}": value for name, value in parts.items()}
    return state.replace(discriminators=discriminators, discriminator_optimizer=optimizer_state), metrics


def _pairs(config: Config, fake: jax.Array, guide: Guide, batch: dict[str, jax.Array]) -> dict[str, Pair]:
    """What each discriminator is to tell apart, by its name.

    References are the real images, and scored for the value of the attribute in focus alone: so what is asked for
    is spread over real and edited images alike. Photos and their labels would tell the two apart by the
    values, as rare ones are asked for more often than they are seen.
    """
    reference = guide.reference.view
    pairs = {GLOBAL: Pair(reference, fake, batch["reference_label"], batch["label"])}
    if config.amgan.regional:
        labels = (_focus_only(batch, name) for name in ("target", "label"))
        pairs[REGIONAL] = Pair(_within(guide.reference_region, reference), _within(guide.focus_region, fake), *labels)
    return pairs


def _discriminator_parts(
    config: Config, schema: Schema, discriminate: Callable, pair: Pair, values: jax.Array, mix_B: jax.Array
):
    """The parts of one discriminator's loss.

    With `discriminator_loss.source_attributes`, values are read off edits too: those of the source, so that
    the heads learn to see through edits which no real image looks like.
    """
    real, fake, real_label, source_label = pair
    # In one call, which costs less than two.
    both = discriminate(jnp.concatenate([real, fake]), jnp.concatenate([values, values]))
    (scores, fake_scores), (logits, fake_logits) = (jnp.split(x, 2) for x in both)
    parts = {
        "critic": losses.critic(scores, fake_scores),
        "penalty": losses.gradient_penalty(lambda view: discriminate(view, values)[0], real, fake, mix_B),
        "attributes": losses.attribute_cross_entropy(logits, real_label, schema.value_counts),
    }
    if config.discriminator_loss.source_attributes:
        parts["source_attributes"] = losses.attribute_cross_entropy(fake_logits, source_label, schema.value_counts)
    return parts


def _update_generator(
    config: Config,
    schema: Schema,
    state: TrainState,
    frozen: FrozenNetwork,
    output: generator.Output,
    pull_back: Callable,
    guide: Guide,
    batch: dict[str, jax.Array],
):
    """One update of the generator and of its moving average: (state, metrics).

    output: of the generator for the batch; pull_back: from a gradient of that to one of its parameters.
    """
    optimizer = networks.build_optimizer(config.generator_optimizer, networks.amgan_length(config))
    judged_parts = _judged_parts(config, schema, state.discriminators, guide, batch)

    def loss_fn(params, output):
        look = frozen.look(output.edited)
        parts = judged_parts(look.view) | _restored_parts(config, schema, params, output, guide, batch)
        parts |= _guided_parts(config, schema, look, output, guide, batch) | _mask_parts(config, output)
        total, parts = losses.weighted_sum(parts, config.generator_loss)
        change = losses.absolute_error(output.edited, batch["image"])
        return total, {**parts, "mask": jnp.mean(output.mask), "change": change}

    gradient_fn = jax.value_and_grad(loss_fn, argnums=(0, 1), has_aux=True)
    (_, parts), (gradient, output_gradient) = gradient_fn(state.generator, output)
    gradient = jax.tree.map(jnp.add, gradient, *pull_back(output_gradient))
    gradient, parts = lax.pmean((gradient, parts), parallel.AXIS)
    change, optimizer_state = optimizer.update(gradient, state.generator_optimizer, state.generator)
    params = optax.apply_updates(state.generator, change)
    # A fixed decay would keep the random start in the average for thousands of steps.
    decay = jnp.minimum(config.amgan.ema_decay, (1.0 + state.step) / (10.0 + state.step))
    ema = jax.tree.map(lambda old, new: decay * old + (1.0 - decay) * new, state.ema, params)
    metrics = {f"generator/{name}": value for name, value in parts.items()}
    return state.replace(generator=params, generator_optimizer=optimizer_state, ema=ema), metrics


def _judged_parts(
    config: Config, schema: Schema, discriminators: dict[str, Tree], guide: Guide, batch: dict[str, jax.Array]
):
    """A function from the view of edits to the parts of the generator's loss that the discriminators judge."""
    network = networks.build_discriminator(config, schema)
    label, target = batch["label"], batch["target"]
    values = encoding.one_hot(_focus_only(batch, "target"), schema.value_counts)

    def discriminate(name, view):
        return _apply(network, discriminators[name], view, values)

    _, logits_of_image = discriminate(GLOBAL, guide.image.view)
    kept = _as_read(logits_of_image, label, target, schema.value_counts)
    to_read = {GLOBAL: _asked(label, target, schema.value_counts) + kept}
    if config.amgan.regional:
        to_read[REGIONAL] = values

    def parts(view):
        named = {}
        for name, wanted in to_read.items():
            seen = _within(guide.focus_region, view) if name == REGIONAL else view
            scores, logits = discriminate(name, seen)
            entropy = losses.value_cross_entropy(logits, wanted, schema.value_counts)
            named |= {f"{name}_adversarial": -jnp.mean(scores), f"{name}_attributes": entropy}
        return named

    return parts


def _restored_parts(
    config: Config, schema: Schema, params: Tree, output: generator.Output, guide: Guide, batch: dict[str, jax.Array]
):
    """The parts of the generator's loss for which it edits once more."""
    image, label, target, foreground = batch["image"], batch["label"], batch["target"], guide.foreground
    parts = {}
    if config.generator_loss.cycle:
        some = slice(None, None, config.amgan.cycle_every)
        # Of where the garment is in the photo: an edit that moves its edge is not followed.
        known = None if foreground is None else foreground[some]
        restored = _edit(config, schema, output.edited[some], target[some], label[some], known, params).edited
        parts["cycle"] = losses.absolute_error(image[some], restored)
    if config.generator_loss.identity:
        same = _edit(config, schema, image, label, label, foreground, params).edited
        parts["identity"] = losses.absolute_error(image, same)
    return parts


def _guided_parts(
    config: Config, schema: Schema, look: Look, output: generator.Output, guide: Guide, batch: dict[str, jax.Array]
):
    """The parts of the generator's loss that compare an edit with what the frozen network sees."""
    weights, image, label, target = config.generator_loss, batch["image"], batch["label"], batch["target"]
    changed_BxA = encoding.changed(label, target)
    parts = {}
    if weights.attention:
        parts["attention"] = losses.attention(output.masks, guide.regions, changed_BxA)
    if weights.outside:
        parts["outside"] = jnp.mean((1.0 - guide.edit_region) * jnp.abs(output.edited - image))
    if weights.perceptual:
        parts["perceptual"] = losses.perceptual(look.features, guide.reference.features)
    if weights.preservation:
        as_read = _as_read(guide.image.logits, label, target, schema.value_counts)
        parts["preservation"] = losses.value_cross_entropy(look.logits, as_read, schema.value_counts)
    if weights.recolor:
        recolors_A = jnp.asarray(networks.recolors(config, schema))
        others = lax.stop_gradient(regions.largest(output.masks, changed_BxA * ~recolors_A))
        pixels = regions.largest(guide.regions, changed_BxA * recolors_A) * (1.0 - others)
        parts["recolor"] = losses.recolor(output.edited, image, pixels)
    return parts


def _mask_parts(config: Config, output: generator.Output):
    """The parts of the generator's loss that the mask alone makes."""
    parts = {}
    if config.generator_loss.mask_size:
        parts["mask_size"] = jnp.mean(output.mask)
    if config.generator_loss.mask_variation:
        parts["mask_variation"] = losses.total_variation(output.mask)
    return parts


def _within(region_BxHxWx1, view: jax.Array):
    """What the discriminators see, of the region only."""
    b, h, w, _ = view.shape
    return view * jax.image.resize(region_BxHxWx1, (b, h, w, 1), "bilinear")


def _focus_only(batch: dict[str, jax.Array], name: str):
    """Labels int32 [B, A] of a batch, unknown but for the attribute in focus."""
    in_focus_BxA = jnp.arange(batch[name].shape[-1]) == batch["focus"][:, None]
    return jnp.where(in_focus_BxA, batch[name], UNKNOWN)


def _asked(label_BxA, target_BxA, value_counts):
    """The values asked for, one-hot [B, V], of attributes that change."""
    return encoding.one_hot(jnp.where(target_BxA == label_BxA, UNKNOWN, target_BxA), value_counts)


def _as_read(logits_BxV, label_BxA, target_BxA, value_counts):
    """Probabilities [B, V] of the values that are not to change, as a network reads them off the photo (logits_BxV).

    Were the label asked for outright, every edit would make its value look its most typical, navy plain blue.
    """
    kept_BxA = (target_BxA == label_BxA) & (label_BxA != UNKNOWN)
    kept_BxV = jnp.repeat(kept_BxA, jnp.array(value_counts), axis=-1, total_repeat_length=sum(value_counts))
    return kept_BxV * encoding.probabilities(logits_BxV, value_counts)


def _accuracies(logits, label, schema):
    """{"accuracy/<attribute>"} over the known labels of all devices."""
    predicted, _ = encoding.most_likely(logits, schema.value_counts)
    known_A = lax.psum(jnp.sum(label != UNKNOWN, axis=0), parallel.AXIS)
    right_A = lax.psum(jnp.sum(predicted == label, axis=0), parallel.AXIS)
    accuracy_A = right_A / jnp.maximum(known_A, 1)
    return {f"accuracy/{name}": accuracy_A[a] for a, name in enumerate(schema.names)}
