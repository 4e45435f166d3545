"""Our networks in PyTorch, and our parameters in theirs, for benchmarks/train_step.py.

Maps are NCHW. Each layer has our name or, where flax numbers ours, comes in our order, which is how `to_torch` finds
its parameters. Not here: generators without skips or with another mask than one an attribute, foreground heads.
"""

from collections import Counter
from collections.abc import Iterator
import functools
import math
import operator
from typing import Any, cast

from flax import traverse_util
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
from torch.nn.utils import fusion

from amgan_jax.models import efficientnet, networks
from amgan_jax.schema import Schema
from amgan_jax.types import Config, Tree

Classification = tuple[torch.Tensor, list[torch.Tensor]]  # logits [B, V], feature maps

_KINDS = {"Linear": "Dense", "BatchNorm2d": "BatchNorm"}  # what flax calls them
_LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
# Convolutions and the norms behind them, by their names in ResNet and in EfficientNetLite.
_PAIRS = (("conv", "norm"), ("0", "1"), ("conv_1", "norm_1"), ("conv_2", "norm_2"), ("shortcut", "shortcut_norm"))


def build_generator(config: Config, schema: Schema) -> "Generator":
    """The generator that a config asks for, with parameters as they come."""
    return Generator(config.generator, schema, len(config.amgan.condition) * sum(schema.value_counts))


def build_discriminator(config: Config, schema: Schema) -> "Discriminator":
    """A discriminator, likewise."""
    return Discriminator(config.discriminator, networks.discriminator_view_shape(config), sum(schema.value_counts))


def build_classifier(config: Config, name: str, schema: Schema) -> nn.Module:
    """The attention network or the evaluator, likewise."""
    knobs, values = networks.knobs_of(config, name), sum(schema.value_counts)
    architecture = config[name].architecture
    if architecture in ("resnet", "plain"):
        return {"resnet": ResNet, "plain": PlainConvNet}[architecture](knobs, values)
    ours = networks.classifier_type(config, name)
    return EfficientNetLite(ours.width, ours.depth, knobs.output_stride, values)  # pyright: ignore


def load(module: nn.Module, *trees: Tree) -> nn.Module:
    """The module with our parameters and, where it has any, batch statistics."""
    module.load_state_dict(to_torch(module, *trees), strict=False)  # torch counts batches too
    return module


def to_torch(module: nn.Module, *trees: Tree) -> dict[str, torch.Tensor]:
    """Trees of a network of ours, parameters or what is like them, by the names that the module's tensors have."""
    flat = {path: leaf for tree in trees for path, leaf in traverse_util.flatten_dict(tree).items()}
    return dict(_tensors(module, traverse_util.unflatten_dict(flat), ""))


def fold_norms(network: nn.Module) -> nn.Module:
    """A classifier that is frozen, its batch norms folded into its convolutions: faster, and equal but for rounding."""
    for module in network.eval().requires_grad_(False).modules():
        layers = cast(Any, dict(module.named_children()))
        for conv, norm in _PAIRS:
            if isinstance(layers.get(norm), nn.BatchNorm2d):
                module.add_module(conv, fusion.fuse_conv_bn_eval(layers[conv], layers[norm]).requires_grad_(False))
                module.add_module(norm, nn.Identity())
    return network


def _tensors(module, tree, prefix) -> Iterator[tuple[str, torch.Tensor]]:
    counts = Counter()
    for name, child in _layers(module):
        own = name.rpartition(".")[2]
        if own not in tree:
            kind = _KINDS.get(type(child).__name__, type(child).__name__)
            own = f"{kind}_{counts[kind]}"
            counts[kind] += 1
        yield from _tensors(child, tree[own], f"{prefix}{name}.")
    if not list(module.children()):
        while "Conv_0" in tree:
            tree = tree["Conv_0"]
        for name, leaf in tree.items():
            yield prefix + _LEAVES[name], torch.from_numpy(_arranged(module, np.array(leaf)).copy())


def _layers(module, prefix=""):
    """(name, layer) of a module, those of lists and of pairs too."""
    for name, child in module.named_children():
        if isinstance(child, (nn.ModuleList, nn.ModuleDict)):
            yield from _layers(child, f"{prefix}{name}.")
        else:
            yield prefix + name, child


def _arranged(module, leaf):
    """Kernels [k, k, I, O] as [O, I, k, k] and [I, O] as [O, I]; all else as it is.

    Of four pixels that become channels, ours come before the channels, PyTorch's behind.
    """
    if leaf.ndim != 4:
        return leaf.T
    leaf = leaf.transpose(3, 2, 0, 1)
    o, i, *taps = leaf.shape
    if isinstance(module, Downsample):
        return leaf.reshape(o, 4, i // 4, *taps).swapaxes(1, 2).reshape(leaf.shape)
    if isinstance(module, SubPixelUpsample):
        return leaf.reshape(4, o // 4, i, *taps).swapaxes(0, 1).reshape(leaf.shape)
    return leaf


class Conv(nn.Conv2d):
    """Square convolution with 'SAME' padding, as TensorFlow and JAX have it: the odd pixel is behind."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = [_pads(n, self.kernel_size[0], self.stride[0]) for n in x.shape[2:]]
        padding = tuple(before for before, _ in pads)
        if any(before != behind for before, behind in pads):
            x, padding = F.pad(x, (*pads[1], *pads[0])), (0, 0)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)


def _pads(size, kernel, stride):
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


class Downsample(Conv):
    """Space to depth, then a 2 x 2 convolution."""

    def __init__(self, channels: int, features: int, bias: bool = True):
        super().__init__(4 * channels, features, 2, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pixel_unshuffle(x, 2))


class SubPixelUpsample(Conv):
    """A convolution, then depth to space."""

    def __init__(self, channels: int, features: int):
        super().__init__(channels, 4 * features, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(super().forward(x), 2)


class ConditionalNorm(nn.Module):
    """Instance norm with scales and biases of the condition, in the form that is fastest for the layout of a map."""

    def __init__(self, channels: int, conditions: int):
        super().__init__()
        self.dense = nn.Linear(conditions, 2 * channels)

    def forward(self, x: torch.Tensor, condition_BxC: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        scale, bias = self.dense(condition_BxC).chunk(2, 1)
        if x.is_contiguous():  # one batch norm over a row of all examples' channels
            row, scale, bias = x.reshape(1, b * c, h, w), scale.reshape(-1), bias.reshape(-1)
            return F.batch_norm(row, None, None, 1.0 + scale, bias, training=True, eps=1e-6).reshape(b, c, h, w)
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        a = torch.rsqrt(variance + 1e-6) * (1.0 + scale[:, :, None, None])
        return torch.addcmul(bias[:, :, None, None] - mean * a, x, a)


class Generator(nn.Module):
    """`models.generator.Generator` with a mask for each attribute."""

    def __init__(self, knobs: Config, schema: Schema, conditions: int):
        super().__init__()
        width = knobs.width
        conv, norm = functools.partial(Conv, bias=False), functools.partial(ConditionalNorm, conditions=conditions)
        self.first = nn.ModuleList([conv(3, width, knobs.first_kernel), norm(width)])
        self.down = nn.ModuleList(
            nn.ModuleList([Downsample(c, 2 * c, bias=False), norm(2 * c)]) for c in (width, 2 * width)
        )
        wide = 4 * width
        self.blocks = nn.ModuleList(
            nn.ModuleList([conv(wide, wide, 3), norm(wide), conv(wide, wide, 3), norm(wide)])
            for _ in range(knobs.blocks)
        )
        self.up = nn.ModuleList(
            nn.ModuleList([SubPixelUpsample(2 * c, c), conv(2 * c, c, 1), norm(c)]) for c in (2 * width, width)
        )
        heads = (3, len(schema.attributes))
        self.heads = nn.ModuleList(Conv(width + 3, features, knobs.head_kernel) for features in heads)
        self.mask_bias = knobs.mask_bias

    def forward(self, image: torch.Tensor, condition_BxC: torch.Tensor, changed_BxA: torch.Tensor) -> Any:
        """(edited [B, 3, H, W], mask [B, 1, H, W], masks [B, A, H, W])."""
        features = torch.cat([self._features(image, condition_BxC), image], 1)
        weight, bias = (torch.cat(parts) for parts in zip(*((c.weight, c.bias) for c in self.heads), strict=True))
        change, logits = F.conv2d(features, weight, bias, padding="same").tensor_split([3], 1)
        color = _Clip.apply(image + 2.0 * torch.tanh(change))
        masks = torch.sigmoid(logits + self.mask_bias)
        shut = (1.0 - masks * changed_BxA[:, :, None, None]).split(1, 1)
        mask = 1.0 - functools.reduce(operator.mul, shut)
        return mask * color + (1.0 - mask) * image, mask, masks

    def _features(self, image, condition):
        conv, norm = self.first
        skips = [F.relu(norm(conv(image), condition))]
        for down, norm in self.down:
            skips.append(F.relu(norm(down(skips[-1]), condition)))
        x = skips.pop()
        for conv, norm, other_conv, other_norm in self.blocks:
            x = x + other_norm(other_conv(F.relu(norm(conv(x), condition))), condition)
        for up, conv, norm in self.up:
            x = F.relu(norm(conv(torch.cat([up(x), skips.pop()], 1)), condition))
        return x


class _Clip(torch.autograd.Function):
    """Colours within [-1, 1], by projected gradient."""

    @staticmethod
    def forward(ctx: Any, color: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(color)
        return color.clamp(-1.0, 1.0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (color,) = ctx.saved_tensors
        leads_out = ((color > 1.0) & (gradient < 0.0)) | ((color < -1.0) & (gradient > 0.0))
        return gradient.masked_fill(leads_out, 0.0)


class Discriminator(nn.Module):
    """`models.discriminator.Discriminator`."""

    def __init__(self, knobs: Config, view_shape: tuple[int, int, int], values: int):
        super().__init__()
        height, width, channels = view_shape
        features = [knobs.width * 2**i for i in range(knobs.layers)]
        self.layers = nn.ModuleList(map(Downsample, [channels, *features], features))
        self.score = Conv(features[-1], 1, 3)
        size = features[-1] * (height >> knobs.layers) * (width >> knobs.layers)
        self.logits = nn.Linear(size, values)
        self.fit = nn.Linear(size, values, bias=False) if knobs.projection else None

    def forward(self, view: torch.Tensor, values_BxV: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(scores [B, 1, h, w], logits [B, V])."""
        x = view
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        scores, x = self.score(x), x.permute(0, 2, 3, 1).flatten(1)
        if self.fit is not None:
            scores = scores + (self.fit(x) * values_BxV).sum(1)[:, None, None, None]
        return scores, self.logits(x)


class ResNet(nn.Module):
    """`models.classifiers.ResNet`."""

    def __init__(self, knobs: Config, values: int):
        super().__init__()
        channels = knobs.widths[0]
        self.stem = nn.ModuleList([Conv(3, channels, 3, knobs.stem_stride, bias=False), _norm(channels)])
        self.blocks = nn.ModuleList()
        for width, stage_stride in zip(knobs.widths, knobs.strides, strict=True):
            for stride in (stage_stride, 1):
                self.blocks.append(_residual_block(channels, width, stride))
                channels = width
        self.head = nn.Linear(channels, values)

    def forward(self, image: torch.Tensor) -> Classification:
        conv, norm = self.stem
        x, feature_maps = F.relu(norm(conv(image))), []
        for block in self.blocks:
            h = block["conv_2"](F.relu(block["norm_1"](block["conv_1"](x))))
            if "shortcut" in block:
                x = block["shortcut_norm"](block["shortcut"](x))
            x = F.relu(x + block["norm_2"](h))
            feature_maps.append(x)
        return self.head(x.mean((2, 3))), feature_maps[1::2]


def _residual_block(channels, width, stride):
    """Layers in the order in which ours are made."""
    block = {"conv_1": Conv(channels, width, 3, stride, bias=False), "norm_1": _norm(width)}
    block["conv_2"] = Conv(width, width, 3, bias=False)
    if channels != width or stride > 1:
        block |= {"shortcut": Conv(channels, width, 1, stride, bias=False), "shortcut_norm": _norm(width)}
    return nn.ModuleDict({**block, "norm_2": _norm(width)})


def _norm(channels, epsilon=1e-5):
    return nn.BatchNorm2d(channels, eps=epsilon, momentum=0.05)


class PlainConvNet(nn.Module):
    """`models.classifiers.PlainConvNet`."""

    def __init__(self, knobs: Config, values: int):
        super().__init__()
        channels, self.stages = 3, nn.ModuleList()
        for width in knobs.widths:
            convs = Conv(channels, width, 3, bias=False), Conv(width, width, 3, bias=False)
            self.stages.append(nn.ModuleList([convs[0], _norm(width), convs[1], _norm(width)]))
            channels = width
        self.hidden = nn.Linear(2 * channels, knobs.hidden)
        self.logits = nn.Linear(knobs.hidden, values)

    def forward(self, image: torch.Tensor) -> Classification:
        x, feature_maps = image, []
        for conv_1, norm_1, conv_2, norm_2 in self.stages:
            x = F.relu(norm_2(conv_2(F.relu(norm_1(conv_1(x))))))
            x = F.max_pool2d(x, 2)
            feature_maps.append(x)
        pooled = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return self.logits(F.relu(self.hidden(pooled))), feature_maps


class EfficientNetLite(nn.Module):
    """`models.efficientnet.EfficientNetLite` of a width and a depth."""

    def __init__(self, width: float, depth: float, output_stride: int, values: int):
        super().__init__()
        self.stem = _ConvNorm(3, efficientnet.STEM_CHANNELS, 3, stride=2)
        self.stages = nn.ModuleList()
        channels, reached, number = efficientnet.STEM_CHANNELS, 2, 0
        for stage, (blocks, kernel, stride, expansion, features) in enumerate(efficientnet.STAGES):
            if 0 < stage < len(efficientnet.STAGES) - 1:
                blocks = math.ceil(depth * blocks)
            features = efficientnet.multiple_of_8(width * features)
            dense = reached * stride > output_stride
            stride = 1 if dense else stride
            reached *= stride
            self.stages.append(nn.ModuleDict())
            for i in range(blocks):
                block = _Block(channels, features, kernel, stride if i == 0 else 1, dense and i == 0, expansion)
                self.stages[-1][f"block_{number}"] = block
                channels, number = features, number + 1
        self.last = _ConvNorm(channels, efficientnet.LAST_CHANNELS, 1)
        self.head = nn.Linear(efficientnet.LAST_CHANNELS, values)

    def forward(self, image: torch.Tensor) -> Classification:
        x, feature_maps = F.relu6(self.stem(image)), []
        for stage in self.stages:
            for block in stage.values():
                x = block(x)
            feature_maps.append(x)
        x = F.relu6(self.last(x))
        return self.head(x.mean((2, 3))), [*feature_maps, x]


class _Block(nn.Module):
    def __init__(self, channels, features, kernel, stride, dense, expansion):
        super().__init__()
        width = expansion * channels
        self.expand = _ConvNorm(channels, width, 1) if expansion > 1 else None
        self.depthwise = _ConvNorm(width, width, kernel, stride, groups=width, dense=dense)
        self.project = _ConvNorm(width, features, 1)

    def forward(self, x):
        h = x if self.expand is None else F.relu6(self.expand(x))
        h = self.project(F.relu6(self.depthwise(h)))
        return x + h if x.shape == h.shape else h


class _ConvNorm(nn.Module):
    def __init__(self, channels, features, kernel, stride=1, groups=1, dense=False):
        super().__init__()
        self.conv = (_DenseConv if dense else Conv)(channels, features, kernel, stride, groups=groups, bias=False)
        self.norm = _norm(features, 1e-3)

    def forward(self, x):
        return self.norm(self.conv(x))


class _DenseConv(nn.Conv2d):
    """A kernel of stride 2 at every pixel: the mean of half a pixel before and half a pixel behind."""

    def forward(self, x):
        before = self.kernel_size[0] // 2
        x = F.pad(x, (before, before + 1, before, before + 1))
        return F.avg_pool2d(F.conv2d(x, self.weight, self.bias, groups=self.groups), 2, 1)
