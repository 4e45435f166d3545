"""Devices: the one place that names pmap, and how host batches reach it."""

from collections.abc import Callable, Sequence
import contextlib
import re
import socket
import threading
from typing import Any

import jax
from jax._src import distributed  # its store of texts for all hosts has no public name
from jax.experimental import multihost_utils
from jax.typing import ArrayLike
import numpy as np

from amgan_jax import cli
from amgan_jax.errors import UserError
from amgan_jax.types import Tree

AXIS = "batch"
MEETING = 300  # seconds that hosts wait for each other at their start


def map_step(
    step: Callable,
    frozen: int = 0,
    devices: Sequence[jax.Device] | None = None,  # pyright: ignore[reportInvalidTypeForm]  (jax has it as a variable)
) -> Callable:
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


def join(coordinator: str, hosts: int | None, host: int | None) -> None:
    """Makes this process one of several that train together; before anything else of JAX is used.

    Args:
      coordinator: address and port of host 0; "auto" to find all from the cluster, as on Cloud TPU or SLURM.
      hosts: how many there are; None with "auto".
      host: which of them this is, from 0; None with "auto".

    Raises:
      UserError: the numbers do not fit, the address is none, or its port is taken. Hosts that do not come within
        `MEETING` end the process in a line of the same kind.
    """
    address = None if coordinator == "auto" else coordinator
    if address and (hosts is None or host is None or not 0 <= host < hosts):
        raise UserError(f"--coordinator={address} needs --hosts=N and --host=0 to N - 1: {hosts} and {host}")
    if address:
        _check_address(address, is_first=host == 0)
    late = f"not all hosts have come to {coordinator} in {MEETING} s: start --hosts of them, each with its --host"
    timer = threading.Timer(MEETING, cli.end_now, [late])  # as JAX would abort, and its wait cannot be interrupted
    timer.daemon = True
    timer.start()
    try:
        jax.distributed.initialize(address, hosts, host, initialization_timeout=2 * MEETING)
    except (RuntimeError, ValueError) as error:
        hint = "" if address else ", where no cluster is found: name host 0 and a free port"
        raise UserError(f"cannot join the other hosts, --coordinator={coordinator}{hint}: {error}") from error
    finally:
        timer.cancel()


def _check_address(coordinator, is_first):
    """Raises UserError for what JAX does not survive: an address without a port, or one that is taken."""
    port = re.fullmatch(r".+:(\d{1,5})", coordinator)
    if not port or not 0 < int(port[1]) < 2**16:
        raise UserError(f"--coordinator={coordinator} is no address: name host 0 and a free port, as in 10.0.0.1:1234")
    if is_first:
        try:
            socket.create_server(("", int(port[1]))).close()
        except OSError as error:
            raise UserError(f"--coordinator={coordinator}: cannot listen there: {error.strerror}") from error


def has_other_hosts() -> bool:
    """Whether this process has joined others; starts no devices."""
    return distributed.global_state.client is not None


def is_first_host() -> bool:
    """Whether this process is the one that writes; starts no devices."""
    return distributed.global_state.process_id == 0


def host() -> int:
    """Which of the processes this is, from 0; starts no devices."""
    return distributed.global_state.process_id


def hosts() -> int:
    """How many processes there are; starts no devices."""
    return distributed.global_state.num_processes


def word_of_first_host(text: str) -> str:
    """The first host's text, cut to 1,000 bytes, on each host; all wait for it."""
    if jax.process_count() == 1:
        return text
    told = np.frombuffer(text.encode()[:1000].ljust(1000), np.uint8)
    return bytes(multihost_utils.broadcast_one_to_all(told).astype(np.uint8)).decode(errors="ignore").rstrip()


def post(key: str, text: str) -> None:
    """Tells all hosts a text, which stays; one that stands there already is kept."""
    with contextlib.suppress(jax.errors.JaxRuntimeError):  # another host was first, or the first host has gone
        _store().key_value_set(key, text)


def read_post(key: str, seconds: float = 10**8) -> str | None:
    """A text that a host has posted, or will have within so many seconds; None if none has, or the first has gone."""
    try:
        return _store().blocking_key_value_get(key, int(1000 * seconds))
    except jax.errors.JaxRuntimeError:
        return None


def _store() -> Any:
    """The store of texts of hosts that have joined."""
    return distributed.global_state.client


def wait_for_all(name: str) -> None:
    """Returns when every host has come to the point of that name."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def replicate(tree: Tree) -> Tree:
    """The tree on every device of every host, as `map_step` wants it."""
    return jax.device_put(tree, _replicated())


def span_hosts(tree: Tree) -> Tree:
    """What `map_step` returned, which each host has for its own devices, as arrays of all hosts' devices."""
    sharding = _replicated()

    def span(x):
        return jax.make_array_from_single_device_arrays(x.shape, sharding, [s.data for s in x.addressable_shards])

    return jax.tree.map(span, tree)


def replicated_shapes(tree: Tree) -> Tree:
    """Shapes of a tree's arrays, or of its shapes, as `replicate` would place them."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=_replicated()), tree)


def _replicated():
    mesh = jax.sharding.Mesh(np.asarray(jax.devices()), (AXIS,))
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


def shard(batch: dict[str, np.ndarray], microbatches: int) -> dict[str, np.ndarray]:
    """Cuts this host's batch [microbatches * n, ...] into [local devices, microbatches, n / devices, ...].

    Device d gets the d-th part of each microbatch, so that a microbatch holds the same examples
    whatever the number of devices. The transfer overlaps with the step before, since
    steps are dispatched asynchronously.
    """
    devices = jax.local_device_count()

    def cut(x):
        x = x.reshape(microbatches, devices, -1, *x.shape[1:])
        return np.swapaxes(x, 0, 1)

    return {name: cut(x) for name, x in batch.items()}


def example_keys(seed: int, step: ArrayLike, microbatch: int, examples: int) -> jax.Array:
    """A key [examples] for each example of a microbatch on this device, for use inside of a mapped step.

    Keyed by the microbatch's number and the example's place in it on all devices, so that the number of devices
    changes no noise.
    """
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), step), microbatch)
    place = jax.lax.axis_index(AXIS) * examples + jax.numpy.arange(examples)
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(place)


def check_batch_size(name: str, batch_size: int, group: int = 1) -> None:
    """Raises UserError unless the global batch can be cut evenly over all devices, without cutting a group."""
    devices = jax.device_count()
    if batch_size < 1 or batch_size % (group * devices):
        groups = f" in groups of {group} (amgan.cycle_every or mixup)" if group > 1 else ""
        raise UserError(
            f"{name}.batch_size={batch_size} cannot be divided over {devices} devices{groups}:"
            f" use a multiple of {group * devices}"
        )
