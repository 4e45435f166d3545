"""Our updates in PyTorch, eager, for benchmarks/train_step.py: the same losses on the same networks.

As a fast PyTorch program would have them: fused AdamW, fused norms, batch norms of the frozen network folded into its
convolutions, real and edited images in one call of a discriminator, each edit seen by the frozen network once.
Images are [B, 3, H, W], in either of PyTorch's layouts; labels and values as in `training.steps`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.optim.swa_utils import get_ema_multi_avg_fn

from amgan_jax.errors import UserError
from amgan_jax.models import networks
from amgan_jax.models.networks import GLOBAL, REGIONAL
from amgan_jax.schema import UNKNOWN, Schema
from amgan_jax.training.state import ClassifierState, TrainState
from amgan_jax.types import Config, Tree
import torch_networks

Batch = dict[str, torch.Tensor]
Parts = dict[str, torch.Tensor]

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}  # of maps in memory

# What the twin has one form of, in a config.
_COVERED = {
    "dtype": ("float32",),
    "attention.foreground": (0.0,),
    "attention.mixup": (0.0,),
    "evaluator.mixup": (0.0,),
    "amgan.n_critic": (1,),
    "amgan.regional": (True,),
    "amgan.condition": (("change", "target"),),
    "generator.skips": (True,),
    "generator.mask": ("attributes",),
    "generator_loss.identity": (0.0,),
    "generator_loss.recolor": (0.0,),
    "generator_loss.mask_size": (0.0,),
    "generator_loss.mask_variation": (0.0,),
}


def check_covered(config: Config) -> None:
    """UserError for a config of something that the twin does not have."""
    for path, values in _COVERED.items():
        value = config
        for key in path.split("."):
            value = value[key]
        if value not in values:
            raise UserError(f"{path}={value}: the PyTorch twin has {', '.join(map(str, values))} only")


def to_batch(batch: dict[str, np.ndarray], layout: str) -> Batch:
    """A batch of ours [B, ...] with images [B, 3, H, W] in a layout."""
    tensors = {name: torch.from_numpy(x) for name, x in batch.items()}
    for name in tensors.keys() & {"image", "reference"}:
        tensors[name] = tensors[name].permute(0, 3, 1, 2).contiguous(memory_format=LAYOUTS[layout])
    return {name: x if x.is_floating_point() else x.long() for name, x in tensors.items()}


class Classifier:
    """`steps.classifier_step` of the attention network or the evaluator."""

    def __init__(
        self,
        config: Config,
        name: str,
        schema: Schema,
        start: ClassifierState,
        length: networks.Length,
        layout: str,
    ):
        network = torch_networks.build_classifier(config, name, schema).to(memory_format=LAYOUTS[layout])
        self.network = torch_networks.load(network, *start.variables.values())
        self.optimizer = _Optimizer(self.network.parameters(), config[name].optimizer, length)
        self._schema = schema

    def update(self, batch: Batch) -> Parts:
        """One update; the metrics of `classifier_step`."""
        self.network.train()
        logits, _ = self.network(batch["image"])
        values = _one_hot(batch["label"], self._schema.value_counts)
        loss = _cross_entropy(logits, values, self._schema.value_counts)
        self.optimizer.step(loss)
        return {"loss": loss.detach(), **self._accuracies(logits.detach(), batch["label"])}

    def _accuracies(self, logits, label):
        read = torch.stack([part.argmax(1) for part in logits.split(self._schema.value_counts, 1)], 1)
        right = (read == label).sum(0) / (label != UNKNOWN).sum(0).clamp(min=1)
        return {f"accuracy/{name}": right[a] for a, name in enumerate(self._schema.names)}


class _Optimizer:
    """`networks.build_optimizer` up to where the rate decays."""

    def __init__(self, parameters, config, length):
        self.parameters = list(parameters)
        self.adam = torch.optim.AdamW(
            self.parameters,
            config.learning_rate,
            betas=(config.b1, config.b2),
            weight_decay=config.weight_decay,
            fused=True,
        )
        warmup = max(1, length.warmup_steps)
        self._rate = torch.optim.lr_scheduler.LinearLR(self.adam, 1.0 / warmup, total_iters=warmup)

    def step(self, loss):
        self.adam.zero_grad()
        loss.backward(inputs=self.parameters)
        self.adam.step()
        self._rate.step()

    def moments(self, network: nn.Module) -> Parts:
        """Adam's running mean of the gradient, by the names of a network's parameters."""
        return {name: self.adam.state[p]["exp_avg"] for name, p in network.named_parameters()}


class Look(NamedTuple):
    """`steps.Look`: an image as the frozen network has it, and the last feature map."""

    view: torch.Tensor
    features: torch.Tensor
    logits: torch.Tensor
    feature_map: torch.Tensor


class Guide(NamedTuple):
    """`steps.Guide`; without a foreground, the reference's region is the image's."""

    regions: torch.Tensor
    focus_region: torch.Tensor
    edit_region: torch.Tensor
    image: Look
    reference: Look


class Amgan:
    """`steps.amgan_step` with one update of the discriminators."""

    def __init__(self, config: Config, schema: Schema, attention_variables: Tree, start: TrainState, layout: str):
        self._config, self._counts = config, schema.value_counts
        self._offsets = torch.tensor(np.cumsum([0, *schema.value_counts[:-1]]))
        attention = torch_networks.build_classifier(config, "attention", schema)
        self.attention = torch_networks.fold_norms(torch_networks.load(attention, *attention_variables.values()))
        self.generator = torch_networks.load(torch_networks.build_generator(config, schema), start.generator)
        self.discriminators = nn.ModuleDict(
            {
                name: torch_networks.load(torch_networks.build_discriminator(config, schema), tree)
                for name, tree in start.discriminators.items()
            }
        )
        for network in (self.attention, self.generator, self.discriminators):
            network.to(memory_format=LAYOUTS[layout])
        self._ema = [p.detach().clone() for p in self.generator.parameters()]
        length = networks.amgan_length(config)
        self.generator_optimizer = _Optimizer(self.generator.parameters(), config.generator_optimizer, length)
        self.discriminator_optimizer = _Optimizer(
            self.discriminators.parameters(), config.discriminator_optimizer, length
        )
        self._step = 0

    def update(self, batch: Batch, mix_B: torch.Tensor | None = None) -> Parts:
        """One update; the metrics of `amgan_step`. mix_B: of the gradient penalty; None: drawn."""
        mix_B = torch.rand(len(batch["image"])) if mix_B is None else mix_B
        guide = self._guide(batch)
        output = self.edit(batch["image"], batch["label"], batch["target"])
        look = self.look(output[0])
        values = _one_hot(_focus_only(batch, "target"), self._counts)
        parts = self._update_discriminators(look.view.detach(), guide, batch, values, mix_B)
        return parts | self._update_generator(output, look, guide, batch, values)

    def edit(self, image: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> Sequence[torch.Tensor]:
        """(edited, mask, masks) of images [B, 3, H, W] and labels [B, A]."""
        known = (source != UNKNOWN) & (target != UNKNOWN)
        old, new = (_one_hot(torch.where(known, x, UNKNOWN), self._counts) for x in (source, target))
        changed = (known & (source != target)).float()
        return self.generator(image, torch.cat([new - old, new], 1), changed)

    def look(self, image: torch.Tensor) -> Look:
        """What the frozen network makes of images [B, 3, H, W]."""
        logits, maps = self.attention(image)
        stages = self._config.discriminator.stages
        view = _stack(maps, stages) if stages else image
        return Look(view, maps[-1].mean((2, 3)), logits, maps[-1])

    def _guide(self, batch):
        with torch.no_grad():
            image, reference = self.look(batch["image"]), self.look(batch["reference"])
            maps = (self._maps(image, batch["label"]), self._maps(reference, batch["target"]))
            regions = torch.maximum(*maps)
            focus = _is_focus(batch).float()
            changed = _changed(batch).float()
            return Guide(regions, _largest(regions, focus), _largest(regions, changed), image, reference)

    def _maps(self, look, label):
        """Class activation maps [B, A, H, W] of a label's values."""
        weight = self.attention.head.weight[label.clamp(min=0) + self._offsets] * (label != UNKNOWN)[..., None]
        cam = F.relu(torch.einsum("bchw,bac->bahw", look.feature_map, weight))
        cam = cam / cam.amax((2, 3), keepdim=True).clamp(min=1e-6)
        return _resize(cam, (self._config.height, self._config.width))

    def _update_discriminators(self, fake, guide, batch, values, mix_B):
        reference, weights = guide.reference.view, self._config.discriminator_loss
        pairs = {
            GLOBAL: (reference, fake, batch["reference_label"], batch["label"]),
            REGIONAL: (
                _within(guide.focus_region, reference),
                _within(guide.focus_region, fake),
                _focus_only(batch, "target"),
                _focus_only(batch, "label"),
            ),
        }
        total, named = 0.0, {}
        for name, pair in pairs.items():
            parts = self._discriminator_parts(self.discriminators[name], *pair, values, mix_B)
            total = total + sum(weights[part] * value for part, value in parts.items())
            named |= {f"discriminator/{name}/{part}": value.detach() for part, value in parts.items()}
        self.discriminator_optimizer.step(total)
        return named

    def _discriminator_parts(self, discriminator, real, fake, real_label, source_label, values, mix_B):
        both = discriminator(torch.cat([real, fake]), torch.cat([values, values]))
        (scores, fake_scores), (logits, fake_logits) = (x.chunk(2) for x in both)
        mix = mix_B[:, None, None, None]
        between = (mix * real + (1.0 - mix) * fake).requires_grad_()
        score = discriminator(between, values)[0].mean((1, 2, 3)).sum()
        (gradient,) = torch.autograd.grad(score, between, create_graph=True)
        norm = torch.sqrt(gradient.square().sum((1, 2, 3)) + 1e-12)
        parts = {
            "critic": fake_scores.mean() - scores.mean(),
            "penalty": (norm - 1.0).square().mean(),
            "attributes": _cross_entropy(logits, _one_hot(real_label, self._counts), self._counts),
        }
        if self._config.discriminator_loss.source_attributes:
            source = _one_hot(source_label, self._counts)
            parts["source_attributes"] = _cross_entropy(fake_logits, source, self._counts)
        return parts

    def _update_generator(self, output, look, guide, batch, values):
        parts = self._judged_parts(look, guide, batch, values) | self._guided_parts(output, look, guide, batch)
        if self._config.generator_loss.cycle:
            some = slice(None, None, self._config.amgan.cycle_every)
            restored, _, _ = self.edit(output[0][some], batch["target"][some], batch["label"][some])
            parts["cycle"] = (batch["image"][some] - restored).abs().mean()
        self.generator_optimizer.step(sum(self._config.generator_loss[n] * part for n, part in parts.items()))
        decay = min(self._config.amgan.ema_decay, (1.0 + self._step) / (10.0 + self._step))
        get_ema_multi_avg_fn(decay)(self._ema, list(self.generator.parameters()), None)
        self._step += 1
        parts |= {"mask": output[1].mean(), "change": (output[0] - batch["image"]).abs().mean()}
        return {f"generator/{name}": part.detach() for name, part in parts.items()}

    def _judged_parts(self, look, guide, batch, values):
        with torch.no_grad():
            _, logits_of_image = self.discriminators[GLOBAL](guide.image.view, values)
            asked = torch.where(batch["target"] == batch["label"], UNKNOWN, batch["target"])
            kept = self._as_read(logits_of_image, batch)
            to_read = {GLOBAL: _one_hot(asked, self._counts) + kept, REGIONAL: values}
        parts = {}
        for name, wanted in to_read.items():
            seen = _within(guide.focus_region, look.view) if name == REGIONAL else look.view
            scores, logits = self.discriminators[name](seen, values)
            parts[f"{name}_adversarial"] = -scores.mean()
            parts[f"{name}_attributes"] = _cross_entropy(logits, wanted, self._counts)
        return parts

    def _guided_parts(self, output, look, guide, batch):
        weights, (edited, _, masks) = self._config.generator_loss, output
        parts = {}
        if weights.attention:
            error = (masks - guide.regions).abs().mean((2, 3))
            parts["attention"] = (error * _changed(batch)).sum(1).mean()
        if weights.outside:
            parts["outside"] = ((1.0 - guide.edit_region) * (edited - batch["image"]).abs()).mean()
        if weights.perceptual:
            distance = (look.features - guide.reference.features).square().sum(1)
            parts["perceptual"] = (distance / (guide.reference.features.square().sum(1) + 1e-6)).mean()
        if weights.preservation:
            as_read = self._as_read(guide.image.logits, batch)
            parts["preservation"] = _cross_entropy(look.logits, as_read, self._counts)
        return parts

    def _as_read(self, logits, batch):
        kept = (batch["target"] == batch["label"]) & (batch["label"] != UNKNOWN)
        kept_BxV = kept.repeat_interleave(torch.tensor(self._counts), 1)
        return kept_BxV * torch.cat([part.softmax(1) for part in logits.split(self._counts, 1)], 1)


def _one_hot(label, counts):
    """[B, V]; an unknown value is all zeros."""
    return torch.cat([(label[:, a, None] == torch.arange(count)).float() for a, count in enumerate(counts)], 1)


def _cross_entropy(logits, values, counts):
    logs = torch.cat([part.log_softmax(1) for part in logits.split(counts, 1)], 1)
    return -(values * logs).sum(1).mean()


def _is_focus(batch):
    return torch.arange(batch["label"].shape[1]) == batch["focus"][:, None]


def _focus_only(batch, name):
    return torch.where(_is_focus(batch), batch[name], UNKNOWN)


def _changed(batch):
    label, target = batch["label"], batch["target"]
    return (label != UNKNOWN) & (target != UNKNOWN) & (label != target)


def _largest(regions, some_BxA):
    return (regions * some_BxA[:, :, None, None]).amax(1, keepdim=True)


def _within(region, view):
    return view * _resize(region, view.shape[2:])


def _stack(feature_maps, stages):
    """`models.classifiers.stack`."""
    size, stacked = feature_maps[stages[0]].shape[2:], []
    for stage in stages:
        x = feature_maps[stage]
        x = x * torch.rsqrt(x.square().sum(1, keepdim=True) + 1e-6)
        stacked.append(_resize(x, size))
    return torch.cat(stacked, 1)


def _resize(x, size):
    """Bilinear, as `jax.image.resize` does it: smoothed where it makes smaller."""
    if x.shape[2:] == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", antialias=x.shape[2] > size[0])
