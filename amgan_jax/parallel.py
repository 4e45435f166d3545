"""Devices: the one place that names pmap, and how host batches reach it."""

from collections.abc import Callable, Sequence

import jax
import numpy as np

from amgan_jax.errors import UserError

AXIS = "batch"


def map_step(step: Callable, frozen: int = 0, devices: Sequence[jax.Device] | None = None) -> Callable:
    """Maps step(state, *frozen, batch) -> (state, metrics) over devices.

    The state has no device axis: it goes in and comes out replicated, and is donated.
    The step averages what it computes with `lax.pmean(..., AXIS)`.

    Args:
      step: written for one device, with the state first and the batch last.
      frozen: how many replicated arguments stand between the two.
      devices: over which to map; None: all there are.
    """
    in_axes = (None,) * (1 + frozen) + (0,)
    return jax.pmap(step, axis_name=AXIS, in_axes=in_axes, out_axes=None, donate_argnums=(0,), devices=devices)


def replicate(tree):
    """The tree on every device of every host, as `map_step` wants and returns it."""
    return jax.device_put(tree, _replicated())


def replicated_shapes(tree):
    """Shapes of a tree's arrays, or of its shapes, as `replicate` would place them."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=_replicated()), tree)


def _replicated():
    mesh = jax.sharding.Mesh(np.asarray(jax.devices()), (AXIS,))
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


def shard(batch: dict[str, np.ndarray], shares: int) -> dict[str, np.ndarray]:
    """Cuts this host's batch [shares * n, ...] into [local devices, shares, n / devices, ...].

    Device d gets the d-th part of each share, so that a share holds the same examples
    whatever the number of devices. The transfer overlaps with the step before, since
    steps are dispatched asynchronously.
    """
    devices = jax.local_device_count()

    def cut(x):
        x = x.reshape(shares, devices, -1, *x.shape[1:])
        return np.swapaxes(x, 0, 1)

    return {name: cut(x) for name, x in batch.items()}


def example_keys(seed: int, step, share: int, examples: int):
    """A key [examples] for each example on this device, for use inside of a mapped step.

    Keyed by the example's place in the global batch, so that the number of devices
    changes no noise.
    """
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), step), share)
    place = jax.lax.axis_index(AXIS) * examples + jax.numpy.arange(examples)
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(place)


def check_batch_size(name: str, batch_size: int) -> None:
    """Raises UserError unless the global batch can be cut evenly over all devices."""
    devices = jax.device_count()
    if batch_size < 1 or batch_size % devices:
        raise UserError(
            f"{name}.batch_size={batch_size} cannot be divided over {devices} devices: use a multiple of {devices}"
        )
