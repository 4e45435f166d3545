"""One training step of each network, for one device, to be mapped by `parallel.map_step`.

A step is pure; bind its first arguments with functools.partial. Batches come with a
leading axis K of shares, of which the classifiers use one and AMGAN one for each
update of the discriminators.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import optax

from amgan_jax import labels, losses, networks, parallel
from amgan_jax.attributes import UNKNOWN, Schema
from amgan_jax.models import attention as attention_lib
from amgan_jax.models import generator, layers
from amgan_jax.networks import GLOBAL, REGIONAL, Length
from amgan_jax.state import ClassifierState, TrainState


def classifier_step(config, name: str, schema: Schema, length: Length, state: ClassifierState, batch):
    """One update of the attention network or the evaluator.

    Args:
      config: the experiment's.
      name: "attention" or "evaluator".
      schema: the dataset's.
      length: of the training.
      state: where training stands.
      batch: image float32 [1, B, H, W, 3] in [-1, 1], label int32 [1, B, A].

    Returns:
      (state, metrics: {"loss", "accuracy/<attribute>"}).
    """
    network = networks.build_classifier(config, name, schema, parallel.AXIS)
    optimizer = networks.build_optimizer(config[name].optimizer, length)
    image, label = batch["image"][0], batch["label"][0]
    image, labels_and_weights = mixup(config[name], state.step, image, label)

    def loss_fn(params):
        variables = {**state.variables, "params": params}
        output, updates = network.apply(variables, image, train=True, mutable=["batch_stats"])
        loss = sum(
            weight * losses.attribute_cross_entropy(output.logits, label, schema.value_counts)
            for label, weight in labels_and_weights
        )
        return loss, (output.logits, updates)

    gradient_fn = jax.value_and_grad(loss_fn, has_aux=True)
    (loss, (logits, updates)), gradient = gradient_fn(state.variables["params"])
    gradient, updates, loss = lax.pmean((gradient, updates, loss), parallel.AXIS)
    change, optimizer_state = optimizer.update(gradient, state.optimizer, state.variables["params"])
    params = optax.apply_updates(state.variables["params"], change)
    metrics = {"loss": loss, **_accuracies(logits, label, schema)}
    return ClassifierState(state.step + 1, {"params": params, **updates}, optimizer_state), metrics


def mixup(config, step, image, label):
    """Mixup (Zhang et al. 2018) of neighbours in a batch, which come in pairs.

    Args:
      config: of the classifier.
      step: that the weights are drawn for.
      image: float32 [B, H, W, 3].
      label: int32 [B, A].

    Returns:
      (image [B, H, W, 3], [(label int32 [B, A], weight in [0, 1]), ...]): the labels that are in it.
    """
    if not config.mixup:
        return image, [(label, 1.0)]
    weight = jax.random.beta(jax.random.fold_in(jax.random.key(config.seed), step), config.mixup, config.mixup)
    own = jnp.maximum(weight, 1.0 - weight)
    swap = lambda x: x.reshape(-1, 2, *x.shape[1:])[:, ::-1].reshape(x.shape)  # noqa: E731
    return own * image + (1.0 - own) * swap(image), [(label, own), (swap(label), 1.0 - own)]


def amgan_step(config, schema: Schema, state: TrainState, attention_variables, batch):
    """`n_critic` updates of both discriminators and one of the generator.

    Args:
      config: the experiment's.
      schema: the dataset's.
      state: where training stands.
      attention_variables: the frozen attention network's.
      batch: with K = n_critic,
        image, reference: float32 [K, B, H, W, 3] in [-1, 1];
        label, reference_label, target: int32 [K, B, A];
        edited: int32 [K, B], the attribute that the regional discriminator looks at.

    Returns:
      (state, metrics): scalars, among them every part of every loss.
    """
    attention = Attention(config, schema, attention_variables)
    for share in range(config.amgan.n_critic):
        part = {name: x[share] for name, x in batch.items()}
        guide = attention.guide(part)
        # The last share's edits are judged by the generator's update too: made once, differentiated later.
        edit = functools.partial(_edit, config, schema, part["image"], part["label"], part["target"])
        output, pull_back = jax.vjp(edit, state.generator)
        fake = attention.look(output.edited).view
        state, metrics = _update_discriminators(config, schema, state, fake, guide, part, share)
    state, generator_metrics = _update_generator(config, schema, state, attention, output, pull_back, guide, part)
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


class Attention:
    """The frozen attention network's view of a batch."""

    def __init__(self, config, schema: Schema, variables):
        self._network = networks.build_classifier(config, "attention", schema)
        self._variables = variables
        self._value_counts = schema.value_counts
        self._size = (config.height, config.width)
        self._stages = config.discriminator.stages

    def look(self, image) -> Look:
        """What it makes of an image [B, H, W, 3]."""
        return self._look(image, self._classify(image))

    def guide(self, part) -> dict[str, jax.Array]:
        """Where the edit of each example is, and what it should look like.

        A region is the larger of the source value's map and, in the reference, the target value's.

        Returns:
          maps: float32 [B, H, W, A], the region of an edit of each attribute;
          region: float32 [B, H, W, 1], where the regional discriminator looks: that of `edited`;
          regions: float32 [B, H, W, 1], the largest over all edited attributes;
          image, reference: the `Look` of each.
        """
        of_image, of_reference = self._classify(part["image"]), self._classify(part["reference"])
        lost = self._activation_maps(of_image, part["label"])
        gained = self._activation_maps(of_reference, part["target"])
        region_BxHxWxA = jnp.maximum(lost, gained)
        changed_BxA = labels.changed(part["label"], part["target"])
        edited_BxA = jax.nn.one_hot(part["edited"], changed_BxA.shape[-1])
        return {
            "maps": region_BxHxWxA,
            "region": jnp.max(region_BxHxWxA * edited_BxA[:, None, None], axis=-1, keepdims=True),
            "regions": jnp.max(region_BxHxWxA * changed_BxA[:, None, None], axis=-1, keepdims=True),
            "image": self._look(part["image"], of_image),
            "reference": self._look(part["reference"], of_reference),
        }

    def _classify(self, image):
        return self._network.apply(self._variables, image)

    def _look(self, image, classification):
        features = classification.features
        view = attention_lib.stack(features, self._stages) if self._stages else image
        return Look(view, layers.spatial_mean(features[-1]), classification.logits)

    def _activation_maps(self, classification, label):
        feature = classification.features[-1]
        return attention_lib.activation_maps(self._variables, feature, label, self._value_counts, self._size)


def _edit(config, schema, image, source, target, params) -> generator.Output:
    """Images brought from their source values to their target values."""
    condition = labels.condition(source, target, schema.value_counts, config.amgan.condition)
    network = networks.build_generator(config, schema)
    return network.apply({"params": params}, image, condition, labels.changed(source, target))


def _update_discriminators(config, schema, state, fake, guide, part, share):
    """One update of both discriminators, which see edits as `fake`: (state, metrics).

    References are the real images, and scored for the edited attribute's value alone: so what is asked for
    is spread over real and edited images alike. Photos and their labels would tell the two apart by the
    values, as rare ones are asked for more often than they are seen.

    With `discriminator_loss.source_attributes`, values are read off edits too: those of the source, so that
    the heads learn to see through edits which no real image looks like.
    """
    network = networks.build_discriminator(config, schema)
    length = networks.amgan_length(config)
    optimizer = networks.build_optimizer(config.discriminator_optimizer, length, config.amgan.n_critic)
    mix_B = jax.vmap(jax.random.uniform)(parallel.example_keys(config.seed, state.step, share, part["image"].shape[0]))
    reference, region, wanted = guide["reference"].view, guide["region"], _edited_only(part, "target")
    values = labels.one_hot(wanted, schema.value_counts)
    judged = {GLOBAL: (reference, fake, part["reference_label"], part["label"])}
    if config.amgan.regional:
        judged[REGIONAL] = (_within(region, reference), _within(region, fake), wanted, _edited_only(part, "label"))

    def judge(params, real, fake, real_label, source_label):
        def score(view):
            return network.apply({"params": params}, view, values)[0]

        # In one call, which costs less than two.
        both = network.apply({"params": params}, jnp.concatenate([real, fake]), jnp.concatenate([values, values]))
        (scores, fake_scores), (logits, fake_logits) = (jnp.split(x, 2) for x in both)
        parts = {
            "critic": losses.critic(scores, fake_scores),
            "penalty": losses.gradient_penalty(score, real, fake, mix_B),
            "attributes": losses.attribute_cross_entropy(logits, real_label, schema.value_counts),
        }
        if config.discriminator_loss.source_attributes:
            parts["source_attributes"] = losses.attribute_cross_entropy(fake_logits, source_label, schema.value_counts)
        return parts

    def loss_fn(discriminators):
        total, named = 0.0, {}
        for name, images_and_labels in judged.items():
            parts = judge(discriminators[name], *images_and_labels)
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


def _update_generator(config, schema, state, attention, output, pull_back, guide, part):
    """One update of the generator and of its moving average: (state, metrics).

    output: of the generator for the batch; pull_back: from a gradient of that to one of its parameters.
    """
    network = networks.build_discriminator(config, schema)
    optimizer = networks.build_optimizer(config.generator_optimizer, networks.amgan_length(config))
    weights = config.generator_loss
    image, label, target = part["image"], part["label"], part["target"]
    values = labels.one_hot(_edited_only(part, "target"), schema.value_counts)

    def discriminate(name, view):
        return network.apply({"params": state.discriminators[name]}, view, values)

    def judge(name, view, to_read):
        scores, logits = discriminate(name, view)
        entropy = losses.value_cross_entropy(logits, to_read, schema.value_counts)
        return {f"{name}_adversarial": -jnp.mean(scores), f"{name}_attributes": entropy}

    _, logits_of_image = discriminate(GLOBAL, guide["image"].view)
    kept = _as_read(logits_of_image, label, target, schema.value_counts)
    to_read = _asked(label, target, schema.value_counts) + kept

    def loss_fn(params, output):
        edited, mask, masks = output
        look = attention.look(edited)
        parts = judge(GLOBAL, look.view, to_read)
        if config.amgan.regional:
            parts |= judge(REGIONAL, _within(guide["region"], look.view), values)
        if weights.cycle:
            some = slice(None, None, config.amgan.cycle_every)
            restored = _edit(config, schema, edited[some], target[some], label[some], params).edited
            parts["cycle"] = losses.absolute_error(image[some], restored)
        if weights.identity:
            same = _edit(config, schema, image, label, label, params).edited
            parts["identity"] = losses.absolute_error(image, same)
        if weights.attention:
            parts["attention"] = losses.attention(masks, guide["maps"], labels.changed(label, target))
        if weights.outside:
            parts["outside"] = jnp.mean((1.0 - guide["regions"]) * jnp.abs(edited - image))
        if weights.perceptual:
            parts["perceptual"] = losses.perceptual(look.features, guide["reference"].features)
        if weights.preservation:
            as_read = _as_read(guide["image"].logits, label, target, schema.value_counts)
            parts["preservation"] = losses.value_cross_entropy(look.logits, as_read, schema.value_counts)
        if weights.mask_size:
            parts["mask_size"] = jnp.mean(mask)
        if weights.mask_variation:
            parts["mask_variation"] = losses.total_variation(mask)
        total, parts = losses.weighted_sum(parts, weights)
        return total, {**parts, "mask": jnp.mean(mask), "change": losses.absolute_error(edited, image)}

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


def _within(region_BxHxWx1, view):
    """What the discriminators see, of the region only."""
    b, h, w, _ = view.shape
    return view * jax.image.resize(region_BxHxWx1, (b, h, w, 1), "bilinear")


def _edited_only(part, name):
    """Labels int32 [B, A] of a batch, unknown but for the edited attribute."""
    is_edited_BxA = jnp.arange(part[name].shape[-1]) == part["edited"][:, None]
    return jnp.where(is_edited_BxA, part[name], UNKNOWN)


def _asked(label_BxA, target_BxA, value_counts):
    """The values asked for, one-hot [B, V], of attributes that change."""
    return labels.one_hot(jnp.where(target_BxA == label_BxA, UNKNOWN, target_BxA), value_counts)


def _as_read(logits_BxV, label_BxA, target_BxA, value_counts):
    """Probabilities [B, V] of the values that are not to change, as a network reads them off the photo (logits_BxV).

    Were the label asked for outright, every edit would make its value look its most typical, navy plain blue.
    """
    kept_BxA = (target_BxA == label_BxA) & (label_BxA != UNKNOWN)
    kept_BxV = jnp.repeat(kept_BxA, jnp.array(value_counts), axis=-1, total_repeat_length=sum(value_counts))
    return kept_BxV * labels.probabilities(logits_BxV, value_counts)


def _accuracies(logits, label, schema):
    """{"accuracy/<attribute>"} over the known labels of all devices."""
    predicted, _ = labels.most_likely(logits, schema.value_counts)
    known_A = lax.psum(jnp.sum(label != UNKNOWN, axis=0), parallel.AXIS)
    right_A = lax.psum(jnp.sum(predicted == label, axis=0), parallel.AXIS)
    accuracy_A = right_A / jnp.maximum(known_A, 1)
    return {f"accuracy/{name}": accuracy_A[a] for a, name in enumerate(schema.names)}
