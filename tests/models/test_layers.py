"""Blocks that compute in fewer steps what flax's own layers do: the same results and gradients, in float64."""

import collections

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amgan_jax.models import discriminator, generator, layers


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


def _draw(shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def _random_parameters(module, *inputs):
    """As if trained, in float64."""
    shapes = jax.eval_shape(module.init, jax.random.key(0), *inputs)
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: 0.3 * rng.normal(size=x.shape), shapes)


def _values_and_gradients(module, variables, *inputs):
    """Of a module, weighed at random: its results, and the gradients of the parameters and of all inputs."""

    @jax.jit
    def measure(*arguments):
        results, pull_back = jax.vjp(module.apply, *arguments)
        return results, pull_back(jax.tree.map(lambda x: _draw(x.shape, seed=2).astype(x.dtype), results))

    return measure(variables, *inputs)


def _penalty_and_gradient(module, variables, x, *inputs):
    """A gradient penalty of the module's first result, and its gradients: second derivatives of the module."""

    def penalty(variables, x):
        def score(x):
            result = module.apply(variables, x, *inputs)
            return jnp.sum(jnp.sin(jax.tree.leaves(result)[0]))

        return jnp.mean(jnp.square(jnp.sqrt(jnp.sum(jnp.square(jax.grad(score)(x)), axis=(1, 2, 3))) - 1.0))

    return jax.jit(jax.value_and_grad(penalty, argnums=(0, 1)))(variables, x)


def _assert_same(tree, expected, tolerance=1e-10):
    assert jax.tree.structure(tree) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max()))


class _PlainConv(nn.Module):
    """`layers.Conv` as flax has it."""

    features: int
    kernel: int
    stride: int = 1

    @nn.compact
    def __call__(self, x):
        size, strides = (self.kernel, self.kernel), (self.stride, self.stride)
        init = nn.initializers.he_normal()
        return nn.Conv(self.features, size, strides, kernel_init=init)(x)


@pytest.mark.parametrize(
    ("kernel", "stride", "size"),
    [
        (1, 1, (8, 6)),
        (1, 2, (7, 6)),
        (2, 1, (4, 3)),
        (2, 1, (1, 2)),
        (2, 1, (8, 6)),
        (3, 2, (8, 6)),
    ],
)
def test_a_convolution_and_its_first_and_second_derivatives_are_flaxs(kernel, stride, size, float64):
    x = _draw((3, *size, 5))
    plain = _PlainConv(4, kernel, stride)
    module = layers.Conv(4, kernel, stride, dtype=jnp.float64)
    variables = _random_parameters(plain, x)
    _assert_same(_values_and_gradients(module, variables, x), _values_and_gradients(plain, variables, x))
    _assert_same(_penalty_and_gradient(module, variables, x), _penalty_and_gradient(plain, variables, x))


def test_a_fresh_convolution_is_flaxs():
    x = _draw((1, 4, 4, 5), dtype=np.float32)
    init = lambda module: module.init(jax.random.key(3), x)  # noqa: E731
    jax.tree.map(np.testing.assert_array_equal, init(layers.Conv(4, 3)), init(_PlainConv(4, 3)))


class _PlainNorm(nn.Module):
    """`layers.ConditionalNorm` as flax has it."""

    dtype: jnp.dtype = jnp.float64

    @nn.compact
    def __call__(self, x, condition):
        modulation = nn.Dense(2 * x.shape[-1], dtype=self.dtype)(condition)
        scale, bias = jnp.split(modulation[:, None, None, :], 2, axis=-1)
        x = nn.InstanceNorm(use_scale=False, use_bias=False, dtype=self.dtype)(x)
        return x * (1.0 + scale) + bias


@pytest.mark.parametrize("size", [(8, 6), (1, 2)])
def test_a_conditional_norm_and_its_derivatives_are_flaxs(size, float64):
    x, condition = 3.0 + 2.0 * _draw((3, *size, 5)), _draw((3, 4), seed=1)
    plain, module = _PlainNorm(), layers.ConditionalNorm(dtype=jnp.float64)
    variables = _random_parameters(plain, x, condition)
    for measure in (_values_and_gradients, _penalty_and_gradient):
        _assert_same(measure(module, variables, x, condition), measure(plain, variables, x, condition))


def test_a_conditional_norm_of_a_constant_is_the_bias_and_has_finite_gradients(float64):
    x, condition = np.full((1, 4, 4, 2), 0.1), np.zeros((1, 3))
    module = layers.ConditionalNorm(dtype=jnp.float64)
    variables = _random_parameters(module, x, condition)
    y, gradients = _values_and_gradients(module, variables, x, condition)
    np.testing.assert_allclose(y - variables["params"]["Dense_0"]["bias"][2:], 0.0, atol=1e-6)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradients))


def test_a_conditional_norm_in_bfloat16_is_no_less_precise_than_flaxs():
    x, condition = (jnp.asarray(_draw(shape), jnp.bfloat16) for shape in ((4, 16, 16, 8), (4, 6)))
    variables = jax.tree.map(jnp.float32, _random_parameters(_PlainNorm(jnp.float32), x, condition))
    exact = _values_and_gradients(_PlainNorm(jnp.float32), variables, x.astype(jnp.float32), condition)

    def error(module):
        rounded = _values_and_gradients(module, variables, x, condition)
        assert rounded[0].dtype == jnp.bfloat16
        distance = lambda a, b: float(jnp.mean(jnp.abs(a.astype(jnp.float32) - b)))  # noqa: E731
        return np.array(jax.tree.leaves(jax.tree.map(distance, rounded, exact)))

    ours, flaxs = error(layers.ConditionalNorm(dtype=jnp.bfloat16)), error(_PlainNorm(jnp.bfloat16))
    assert np.all(ours <= 1.05 * flaxs) and ours[0] < 0.01


class _TwoNetworks:
    """A generator whose mask has a network of its own, with the parameters of one whose two heads share a network."""

    def __init__(self, **settings):
        self._module = generator.Generator(**settings, mask="network")

    def apply(self, variables, *inputs):
        kinds, twice = collections.defaultdict(list), {}
        for name in sorted(variables["params"], key=lambda name: int(name.rpartition("_")[2])):
            kinds[name.rpartition("_")[0]].append(variables["params"][name])
        color, mask = kinds["Conv"][-2:]
        del kinds["Conv"][-2:]
        for kind, found in kinds.items():
            found = [*found, color, *found, mask] if kind == "Conv" else 2 * found
            twice |= {f"{kind}_{i}": parameters for i, parameters in enumerate(found)}
        return self._module.apply({"params": twice}, *inputs)


def test_the_two_heads_in_one_convolution_are_as_if_apart(float64):
    settings = {"width": 4, "blocks": 1, "first_kernel": 3, "head_kernel": 3, "skips": True, "whole": (False, False)}
    settings |= {"mask_bias": 0.5, "sees_foreground": False, "dtype": jnp.float64}
    together, apart = generator.Generator(**settings, mask="head"), _TwoNetworks(**settings)
    inputs = (0.2 * np.tanh(_draw((2, 8, 12, 3))), _draw((2, 6), seed=1), np.ones((2, 2)))
    variables = jax.tree.map(lambda x: 0.1 * x, _random_parameters(together, *inputs))  # far from black and white
    # The generator's colours and mask are float32 whatever it computes in.
    measured = [_values_and_gradients(module, variables, *inputs) for module in (together, apart)]
    assert np.abs(measured[1][0][0]).max() < 0.99
    _assert_same(*measured, tolerance=1e-6)


def test_a_discriminator_judges_each_image_by_itself(float64):
    """So real and edited images can be judged in one call."""
    module = discriminator.Discriminator(width=4, layers=3, projection=True, value_count=5, dtype=jnp.float64)
    real, fake, values = _draw((2, 16, 8, 3)), _draw((2, 16, 8, 3), seed=1), _draw((2, 5), seed=2)
    variables = _random_parameters(module, real, values)

    def apart(variables):
        return jax.tree.map(lambda *x: jnp.concatenate(x), *(module.apply(variables, x, values) for x in (real, fake)))

    def together(variables):
        return module.apply(variables, jnp.concatenate([real, fake]), jnp.concatenate([values, values]))

    weigh = lambda judge: lambda v: sum(jnp.sum(jnp.sin(x)) for x in jax.tree.leaves(judge(v)))  # noqa: E731
    _assert_same(together(variables), apart(variables), tolerance=1e-6)  # the results are float32
    _assert_same(jax.grad(weigh(together))(variables), jax.grad(weigh(apart))(variables), tolerance=1e-6)
