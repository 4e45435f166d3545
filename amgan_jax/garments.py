"""Rendered garments: pictures whose true edit is known.

`render(label, key)` draws a garment from signed distance shapes with soft edges.
The key alone fixes everything that is not an attribute (pose, light, folds,
background, noise), so that the same key with another label is the true answer of
an edit. Pure JAX: jit it, vmap it.

Garments live in their own coordinates: x to the right and y down, the picture
spans y in [-1, 1] and x in [-width / height, width / height].
"""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from amgan_jax.schema import Schema
from amgan_jax.types import Array

SCHEMA = Schema.from_values(
    {
        "sleeve_length": ("sleeveless", "short", "long"),
        "collar": ("round", "v_neck", "shirt", "hood"),
        "color": ("red", "yellow", "green", "blue", "purple", "black", "white"),
        "pattern": ("plain", "striped", "checked", "dotted"),
        "fastening": ("none", "buttons", "zip"),
    }
)
_SLEEVELESS, _SHORT, _LONG = range(3)
_ROUND, _V_NECK, _SHIRT, _HOOD = range(4)
_PLAIN, _STRIPED, _CHECKED, _DOTTED = range(4)
_NONE, _BUTTONS, _ZIP = range(3)

# sRGB in [0, 1], in the order of the schema.
_FABRICS = (
    (0.80, 0.10, 0.12),
    (0.95, 0.78, 0.10),
    (0.12, 0.55, 0.24),
    (0.12, 0.30, 0.78),
    (0.52, 0.18, 0.62),
    (0.10, 0.10, 0.11),
    (0.94, 0.94, 0.92),
)
_REGION_THRESHOLD = 0.04  # of the range [0, 1]: below it a pixel counts as unchanged


def nuisance_key(seed: ArrayLike, index: ArrayLike) -> jax.Array:
    """The key that fixes all but the label of garment number `index`."""
    return jax.random.fold_in(jax.random.key(seed), index)


def render(label: Array, key: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Draws one garment.

    Args:
      label: int32 [A], a label of SCHEMA with every value known.
      key: what the nuisance (pose, light, folds, background, noise) is drawn from.
      size: (height, width) in pixels.

    Returns:
      float32 [H, W, 3] in [-1, 1].
    """
    keys = list(jax.random.split(key, 12))
    p, pixel = _garment_coordinates(keys[0], size)
    canvas = _dress(_background(p, keys[4]), p, pixel, label, keys)
    canvas = canvas * _lighting(p, keys[6])
    canvas = canvas + 0.012 * jax.random.normal(keys[7], canvas.shape)
    return jnp.clip(canvas, 0.0, 1.0) * 2.0 - 1.0


def foreground(label: Array, key: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Where the garment that `render` draws is: float32 [H, W, 1] in [0, 1], what it covers of each pixel.

    Args as those of `render`.
    """
    keys = list(jax.random.split(key, 12))
    p, pixel = _garment_coordinates(keys[0], size)
    wall = jnp.zeros((*size, 3))
    # All is painted over the wall: how much its brightness still counts is how much of it is seen.
    _, seen = jax.jvp(lambda wall: _dress(wall, p, pixel, label, keys), (wall,), (jnp.ones_like(wall),))
    return jnp.clip(1.0 - seen[..., :1], 0.0, 1.0)


def _dress(canvas, p, pixel, label, keys):
    """Paints a garment over a canvas [H, W, 3] in [0, 1]."""
    sleeve_length, collar, color, pattern, fastening = label
    fabric = jnp.asarray(_FABRICS)[color] + jax.random.uniform(keys[1], (3,), minval=-0.05, maxval=0.05)
    accent = _accent(fabric)
    cloth = _pattern(p, pattern, fabric, accent, keys[2])
    shade = _folds(p, keys[3])
    cloth_HxWx3 = cloth * shade[..., None]
    plain_HxWx3 = fabric * shade[..., None]
    lining = jnp.where(jnp.mean(fabric) < 0.2, fabric + 0.3, fabric * 0.35)  # seen through the collar
    inside_HxWx3 = jnp.broadcast_to(lining, cloth.shape)

    def cover(canvas, distance, paint, outline=0.45):
        """Paints where distance < 0, darker along the edge."""
        edge = 1.0 - outline * jnp.exp(-jnp.square(distance / 0.035))
        return _blend(canvas, paint * edge[..., None], distance, pixel)

    hood = _ellipse(p - jnp.array([0.0, -0.70]), 0.34, 0.27)
    canvas = jnp.where(collar == _HOOD, cover(canvas, hood, plain_HxWx3), canvas)
    sleeve = _sleeve(p, sleeve_length, keys[5])
    canvas = jnp.where(sleeve_length == _SLEEVELESS, canvas, cover(canvas, sleeve, cloth_HxWx3))
    canvas = cover(canvas, _torso(p), cloth_HxWx3)
    canvas = _draw_fastening(canvas, p, pixel, fastening, plain_HxWx3, accent)
    return _draw_collar(canvas, cover, p, pixel, collar, plain_HxWx3, inside_HxWx3, accent)


@functools.partial(jax.jit, static_argnums=2)
def render_batch(label_BxA: Array, nuisance_Bx2: Array, size: tuple[int, int]) -> jax.Array:
    """Draws garments: float32 [B, H, W, 3] in [-1, 1].

    Args:
      label_BxA: int32, labels of SCHEMA.
      nuisance_Bx2: int32, the (seed, index) that `nuisance_key` takes.
      size: (height, width) in pixels.
    """
    return jax.vmap(lambda label, nuisance: render(label, nuisance_key(*nuisance), size))(label_BxA, nuisance_Bx2)


@functools.partial(jax.jit, static_argnums=2)
def foreground_batch(label_BxA: Array, nuisance_Bx2: Array, size: tuple[int, int]) -> jax.Array:
    """Where the garments of `render_batch` are: float32 [B, H, W, 1] in [0, 1]."""
    return jax.vmap(lambda label, nuisance: foreground(label, nuisance_key(*nuisance), size))(label_BxA, nuisance_Bx2)


def true_region(source_image: Array, target_image: Array) -> jax.Array:
    """Where an edit changes the picture: bool [H, W, 1], from two renders of one key [H, W, 3]."""
    difference = jnp.max(jnp.abs(target_image - source_image), axis=-1, keepdims=True) / 2.0
    return difference > _REGION_THRESHOLD


def _garment_coordinates(key, size):
    """Coordinates [H, W, 2] under a random pose, and the size of a pixel in them."""
    height, width = size
    y = (jnp.arange(height) + 0.5) / height * 2.0 - 1.0
    x = ((jnp.arange(width) + 0.5) / width * 2.0 - 1.0) * (width / height)
    p = jnp.stack(jnp.meshgrid(x, y, indexing="xy"), axis=-1)
    shift_key, scale_key, angle_key, stretch_key = jax.random.split(key, 4)
    shift = jax.random.uniform(shift_key, (2,), minval=-0.05, maxval=0.05)
    scale = jax.random.uniform(scale_key, (), minval=0.88, maxval=1.0) * min(1.0, width / height)
    angle = jax.random.uniform(angle_key, (), minval=-0.08, maxval=0.08)
    stretch = jnp.stack([jax.random.uniform(stretch_key, (), minval=0.92, maxval=1.08), jnp.ones(())])
    rotation = jnp.array([[jnp.cos(angle), -jnp.sin(angle)], [jnp.sin(angle), jnp.cos(angle)]])
    return (p - shift) @ rotation / (scale * stretch), 2.0 / height / scale


def _accent(fabric):
    """Colour [3] of stripes, dots and buttons: light on dark cloth, dark on light cloth."""
    luminance = fabric @ jnp.array([0.3, 0.59, 0.11])
    return jnp.where(luminance > 0.55, jnp.array([0.16, 0.18, 0.36]), jnp.array([0.95, 0.94, 0.90]))


def _pattern(p, pattern, fabric, accent, key):
    """Cloth colour [H, W, 3]."""
    phase_key, period_key = jax.random.split(key)
    period = jax.random.uniform(period_key, (), minval=0.26, maxval=0.32)
    q = p / period + jax.random.uniform(phase_key, (2,))
    wave = jnp.clip(0.5 + 1.6 * jnp.sin(2.0 * jnp.pi * q), 0.0, 1.0)
    dots = jnp.clip((0.30 - jnp.linalg.norm(q - jnp.round(q), axis=-1)) * 6.0, 0.0, 1.0)
    amount = jnp.stack([jnp.zeros_like(dots), 0.85 * wave[..., 1], 0.45 * (wave[..., 0] + wave[..., 1]), 0.9 * dots])[
        pattern
    ]
    return fabric + amount[..., None] * (accent - fabric)


def _folds(p, key):
    """Brightness [H, W] of soft folds in the cloth."""
    direction, frequency, phase = jax.random.uniform(key, (3, 3))
    angle = (direction - 0.5) * 1.6
    along = p[..., :1] * jnp.cos(angle) + p[..., 1:] * jnp.sin(angle)
    waves = jnp.sin(along * (3.0 + 5.0 * frequency) + 2.0 * jnp.pi * phase)
    return 0.94 + 0.035 * jnp.sum(waves, axis=-1)


def _background(p, key):
    """A pale wall [H, W, 3] with a gradient."""
    color_key, slope_key = jax.random.split(key)
    color = 0.78 + jax.random.uniform(color_key, (3,), minval=-0.10, maxval=0.12)
    slope = jax.random.uniform(slope_key, (2,), minval=-0.06, maxval=0.06)
    return color + (p @ slope)[..., None]


def _lighting(p, key):
    """Brightness [H, W, 1] of a lamp on one side."""
    slope = jax.random.uniform(key, (2,), minval=-0.09, maxval=0.09)
    return 0.97 + (p @ slope)[..., None]


def _torso(p):
    half = jnp.array(
        [[-0.1, -0.70], [0.19, -0.70], [0.50, -0.54], [0.43, -0.16], [0.41, 0.30], [0.47, 0.86], [-0.1, 0.86]]
    )
    return _polygon(_fold(p), half) - 0.02


def _sleeve(p, sleeve_length, key):
    """Both sleeves: a capsule from the shoulder towards the wrist, on either side."""
    angle = jax.random.uniform(key, (), minval=0.95, maxval=1.15)
    reach = jnp.array([0.0, 0.34, 1.02])[sleeve_length]
    shoulder = jnp.array([0.43, -0.44])
    wrist = shoulder + reach * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
    q = _fold(p)
    along = jnp.clip(((q - shoulder) @ (wrist - shoulder)) / jnp.maximum(reach**2, 1e-6), 0.0, 1.0)
    axis = shoulder + along[..., None] * (wrist - shoulder)
    return jnp.linalg.norm(q - axis, axis=-1) - (0.15 - 0.05 * along * reach)


def _draw_fastening(canvas, p, pixel, fastening, plain, accent):
    below_collar = jnp.maximum(-0.36 - p[..., 1], p[..., 1] - 0.85)
    placket = jnp.maximum(jnp.abs(p[..., 0]) - 0.085, below_collar)
    rows = p[..., 1] / 0.23
    nearest = jnp.clip(jnp.round(rows), -1, 3) * 0.23
    button = jnp.linalg.norm(p - jnp.stack([jnp.zeros_like(nearest), nearest], axis=-1), axis=-1) - 0.05
    buttoned = _blend(canvas, plain * 0.82, placket, pixel)
    buttoned = _blend(buttoned, jnp.broadcast_to(accent, canvas.shape), button, pixel)
    tape = jnp.maximum(jnp.abs(p[..., 0]) - 0.075, below_collar)
    teeth = jnp.maximum(jnp.abs(p[..., 0]) - 0.03, below_collar)
    zipped = _blend(canvas, jnp.full_like(canvas, 0.22), tape, pixel)
    zipped = _blend(zipped, jnp.full_like(canvas, 0.80), teeth, pixel)
    return jnp.stack([canvas, buttoned, zipped])[fastening]


def _draw_collar(canvas, cover, p, pixel, collar, plain, inside, accent):
    q = _fold(p)
    band = plain * 0.70
    neckline = -0.74 - p[..., 1]  # nothing of a flat collar stands above it
    bowl = _ellipse(p - jnp.array([0.0, -0.74]), 0.20, 0.22)
    round_ = _blend(canvas, band, jnp.maximum(bowl - 0.07, neckline), pixel)
    round_ = _blend(round_, inside, jnp.maximum(bowl, neckline), pixel)
    notch = _polygon(q, jnp.array([[-0.05, -0.76], [0.19, -0.74], [0.0, -0.24], [-0.05, -0.24]]))
    v_neck = _blend(canvas, band, jnp.maximum(notch - 0.06, neckline), pixel)
    v_neck = _blend(v_neck, inside, jnp.maximum(notch, neckline), pixel)
    gap = _polygon(q, jnp.array([[-0.05, -0.76], [0.15, -0.74], [0.0, -0.46], [-0.05, -0.46]]))
    flap = _polygon(q, jnp.array([[0.16, -0.80], [0.24, -0.70], [0.25, -0.34], [0.01, -0.47]]))
    shirt = cover(_blend(canvas, inside, gap, pixel), flap - 0.01, plain * 1.08 + 0.04, outline=0.7)
    opening = _ellipse(p - jnp.array([0.0, -0.66]), 0.22, 0.20)
    cord = jnp.maximum(jnp.abs(q[..., 0] - 0.12) - 0.03, jnp.abs(p[..., 1] + 0.32) - 0.16)
    hood = _blend(canvas, band, opening - 0.06, pixel)
    hood = _blend(hood, inside, opening, pixel)
    hood = _blend(hood, jnp.broadcast_to(accent, canvas.shape), cord, pixel)
    return jnp.stack([round_, v_neck, shirt, hood])[collar]


def _fold(p):
    """Mirrors the left half onto the right: shapes are drawn once."""
    return jnp.stack([jnp.abs(p[..., 0]), p[..., 1]], axis=-1)


def _blend(canvas, paint, distance, pixel):
    """Paints where distance < 0, with an edge one pixel wide."""
    alpha = jnp.clip(0.5 - distance / pixel, 0.0, 1.0)[..., None]
    return canvas + alpha * (paint - canvas)


def _ellipse(p, radius_x, radius_y):
    """Approximate signed distance to an ellipse around the origin."""
    return (jnp.linalg.norm(p / jnp.array([radius_x, radius_y]), axis=-1) - 1.0) * min(radius_x, radius_y)


def _polygon(p, vertices):
    """Signed distance [...] of points [..., 2] to a polygon [N, 2], negative inside."""
    edge = jnp.roll(vertices, -1, axis=0) - vertices
    offset = p[..., None, :] - vertices
    along = jnp.clip(jnp.sum(offset * edge, axis=-1) / jnp.sum(edge * edge, axis=-1), 0.0, 1.0)
    distance = jnp.min(jnp.linalg.norm(offset - along[..., None] * edge, axis=-1), axis=-1)
    start_above = offset[..., 1] >= 0.0
    end_above = p[..., None, 1] >= (vertices + edge)[..., 1]
    left_of = edge[..., 0] * offset[..., 1] - edge[..., 1] * offset[..., 0] > 0.0
    crossing = (start_above & ~end_above & left_of) | (~start_above & end_above & ~left_of)
    inside = jnp.sum(crossing, axis=-1) % 2 == 1
    return jnp.where(inside, -distance, distance)
