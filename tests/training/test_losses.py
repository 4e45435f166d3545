"""The losses, against answers that are known."""

import jax
import jax.numpy as jnp
import numpy as np

from amgan_jax.training import losses

COUNTS = (2, 3)


def test_penalty_of_a_linear_critic_and_its_gradient_have_a_closed_form():
    # score(x) = <w, x>: the gradient is w everywhere, so the penalty is (|w| - 1)^2
    # and its derivative 2 (|w| - 1) w / |w|, whatever the images.
    w = jnp.asarray(np.random.default_rng(0).normal(size=(4, 4, 3)), jnp.float32)
    real, fake = jnp.ones((5, 4, 4, 3)), jnp.zeros((5, 4, 4, 3))

    def penalty(w):
        score = lambda image: jnp.sum(image * w, axis=(1, 2, 3))[:, None, None, None]  # noqa: E731
        return losses.gradient_penalty(score, real, fake, jnp.linspace(0.0, 1.0, 5))

    norm = jnp.linalg.norm(w)
    np.testing.assert_allclose(penalty(w), (norm - 1.0) ** 2, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(penalty)(w), 2.0 * (norm - 1.0) * w / norm, rtol=1e-4)


def test_penalty_is_taken_between_real_and_fake():
    # score(x) = sum(x^2) / 2 has the gradient x: at mix m that is m * real.
    real, fake = jnp.full((1, 2, 2, 1), 3.0), jnp.zeros((1, 2, 2, 1))
    score = lambda image: jnp.sum(image**2, axis=(1, 2, 3), keepdims=True) / 2.0  # noqa: E731
    np.testing.assert_allclose(
        losses.gradient_penalty(score, real, fake, jnp.array([0.5])), (0.5 * 6.0 - 1.0) ** 2, rtol=1e-5
    )


def test_penalty_is_twice_differentiable_where_the_critic_is_flat():
    images = jnp.ones((2, 4, 4, 3))
    score = lambda a, image: a * jnp.sum(image, axis=(1, 2, 3), keepdims=True)  # noqa: E731
    gradient = jax.grad(lambda a: losses.gradient_penalty(lambda x: score(a, x), images, images, jnp.ones(2)))(0.0)
    assert np.isfinite(gradient)


def test_unknown_labels_give_no_loss_and_no_gradient():
    logits = jnp.asarray(np.random.default_rng(1).normal(size=(2, 5)), jnp.float32)
    label = np.array([[0, -1], [-1, -1]])
    gradient = np.asarray(jax.grad(losses.attribute_cross_entropy)(logits, label, COUNTS))
    assert np.abs(gradient[0, :2]).min() > 0.0
    assert not gradient[0, 2:].any() and not gradient[1].any()


def test_an_unknown_foreground_gives_no_loss_and_no_gradient():
    logits = jnp.asarray(np.random.default_rng(1).normal(size=(2, 4, 4, 1)), jnp.float32)
    foreground = np.stack([np.eye(4)[..., None], np.full((4, 4, 1), -1.0)]).astype(np.float32)
    gradient = np.asarray(jax.grad(losses.foreground)(logits, foreground))
    assert np.abs(gradient[0]).min() > 0.0 and not gradient[1].any()
    assert losses.foreground(logits[1:], foreground[1:]) == 0.0


def test_the_foregrounds_loss_has_a_closed_form():
    # Even logits find half of each pixel: of 4 pixels of 16, 2 are in both, and 4 + 8 - 2 in either.
    foreground = np.eye(4)[None, ..., None].astype(np.float32)
    loss = losses.foreground(jnp.zeros((1, 4, 4, 1)), foreground)
    np.testing.assert_allclose(loss, np.log(2.0) + 1.0 - 2.0 / 10.0, rtol=1e-5)
    assert losses.foreground(jnp.asarray(40.0 * foreground - 20.0), foreground) < 1e-5


def test_cross_entropy_of_even_logits_is_the_log_of_the_number_of_values():
    entropy = losses.attribute_cross_entropy(jnp.zeros((3, 5)), np.array([[0, 1]] * 3), COUNTS)
    np.testing.assert_allclose(entropy, np.log(2.0) + np.log(3.0), rtol=1e-6)


def test_mean_over_halves_of_a_batch_is_the_loss_of_the_batch():
    logits = jnp.asarray(np.random.default_rng(2).normal(size=(4, 5)), jnp.float32)
    label = np.array([[0, -1], [1, 2], [-1, -1], [-1, 0]])  # unevenly unknown
    whole = losses.attribute_cross_entropy(logits, label, COUNTS)
    halves = [losses.attribute_cross_entropy(logits[i : i + 2], label[i : i + 2], COUNTS) for i in (0, 2)]
    np.testing.assert_allclose((halves[0] + halves[1]) / 2.0, whole, rtol=1e-6)


def test_critic_wants_real_scores_high_and_fake_scores_low():
    assert losses.critic(jnp.array([2.0]), jnp.array([-1.0])) == -3.0


def test_perceptual_distance_is_relative_to_the_reference():
    features = jnp.stack([jnp.full(4, 2.0), jnp.full(4, 5.0)])
    assert losses.perceptual(features, features) == 0.0
    np.testing.assert_allclose(losses.perceptual(2.0 * features, features), 1.0, rtol=1e-5)


def test_total_variation_counts_steps():
    mask = jnp.zeros((1, 4, 4, 1)).at[:, :, 2:].set(1.0)
    np.testing.assert_allclose(losses.total_variation(mask), 1.0 / 3.0, rtol=1e-6)


def test_weighted_sum_keeps_the_parts_unweighted():
    total, parts = losses.weighted_sum({"a": 2.0, "b": 3.0}, {"a": 10.0, "b": 1.0, "c": 5.0})
    assert (total, parts) == (23.0, {"a": 2.0, "b": 3.0})


def test_the_attention_loss_is_the_sum_over_the_attributes_that_change():
    masks, regions = np.zeros((3, 4, 4, 2)), np.zeros((3, 4, 4, 2))
    masks[..., 0], regions[..., 1] = 0.5, 0.25  # errors of 0.5 and 0.25
    for changed, expected in (([1, 0], 0.5), ([0, 1], 0.25), ([1, 1], 0.75), ([0, 0], 0.0)):
        loss = losses.attention(masks, regions, np.tile(np.array(changed, np.float32), (3, 1)))
        np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_a_plain_garments_edit_loses_the_spread_of_its_colours():
    """Of one colour in a share p of the pixels and another elsewhere, the best function gives the mean."""
    image = np.full((1, 4, 4, 3), 0.3, np.float32)
    edited = np.broadcast_to(np.float32([0.9, -0.5, 0.1]), image.shape).copy()
    edited[:, :1] = np.float32([0.3, 0.3, 0.3])  # a quarter, which kept its colour
    whole = np.ones((1, 4, 4, 1), np.float32)
    gap = np.sum(np.square(edited[0, 0, 0] - edited[0, 1, 0]))
    np.testing.assert_allclose(losses.recolor(edited, image, whole), 0.25 * 0.75 * gap, rtol=1e-2)
    pull = -np.asarray(jax.grad(losses.recolor)(edited, image, whole))[0, 0, 0]
    assert np.all(pull * (edited[0, 1, 0] - edited[0, 0, 0]) > 0.0)  # to the others' colour


def test_a_function_of_the_images_colours_is_no_loss_and_unweighted_pixels_are_without_effect():
    rng = np.random.default_rng(0)
    image, weight = rng.uniform(-1, 1, (2, 6, 5, 3)).astype(np.float32), np.ones((2, 6, 5, 1), np.float32)
    function = rng.normal(size=(2, 3, 3)).astype(np.float32)
    edited = np.einsum("bhwc,bcd->bhwd", image, function) + rng.normal(size=(2, 1, 1, 3)).astype(np.float32)
    assert losses.recolor(edited, image, weight) < 1e-4
    edited[:, :2] = rng.uniform(-1, 1, (2, 2, 5, 3))
    assert losses.recolor(edited, image, weight) > 0.05
    weight[:, :2] = 0.0
    assert losses.recolor(edited, image, weight) < 1e-4
    weight[1] = 0.0
    assert np.isfinite(losses.recolor(edited, image, weight))
    assert not np.any(jax.grad(losses.recolor)(edited, image, weight)[1])
