"""Numbers that are not finite: found before they reach a checkpoint, or kept out of the state."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from amgan_jax.types import Tree

SKIPPED = "skipped"  # a metric: how many updates of a window were skipped


def broken_part(tree: Tree) -> str | None:
    """The name of the first array of a tree that has a number that is not finite, such as "generator/kernel"."""
    paths, leaves = zip(*jax.tree_util.tree_flatten_with_path(tree)[0], strict=True)
    fine = jax.device_get(_are_finite([leaf.addressable_data(0) for leaf in leaves]))
    broken = [path for path, is_fine in zip(paths, fine, strict=True) if not is_fine]
    return jax.tree_util.keystr(broken[0], simple=True, separator="/") if broken else None


def skipping(step: Callable) -> Callable:
    """A step (see `steps`) whose update is left out where the state or a metric would not be finite.

    Its metrics have SKIPPED too: 0, or 1 plus the place among the sorted metrics of the first that is broken,
    or of none of them. The others are 0 where the update is left out.
    """

    def step_or_skip(state, *more):
        changed, metrics = step(state, *more)
        names = sorted(metrics)
        fine = jnp.stack([*_are_finite([metrics[n] for n in names]), jnp.stack(_are_finite(changed)).all()])
        keep = fine.all()
        state = jax.tree.map(lambda new, old: jnp.where(keep, new, old), changed, state).replace(step=changed.step)
        metrics = {name: jnp.where(keep, value, jnp.zeros_like(value)) for name, value in metrics.items()}
        return state, metrics | {SKIPPED: jnp.where(keep, 0, 1 + jnp.argmin(fine)).astype(jnp.float32)}

    return step_or_skip


def mean(window: list[dict[str, float]]) -> dict[str, float]:
    """The means over a window of the updates that were not skipped, and how many were; NaN where all were."""
    # In 32 bits, as they were computed: the same whether a window comes from a checkpoint or not.
    kept = [metrics for metrics in window if not metrics.get(SKIPPED)]
    names = [name for name in window[0] if name != SKIPPED]
    means = {n: float(np.mean(np.array([m[n] for m in kept], np.float32))) if kept else float("nan") for n in names}
    return means | ({SKIPPED: float(len(window) - len(kept))} if SKIPPED in window[0] else {})


def skipped_for(window: list[dict[str, float]]) -> list[str]:
    """What was not finite in each skipped update of a window."""
    names = [*sorted(name for name in window[0] if name != SKIPPED), "parameters"]
    return [names[int(metrics[SKIPPED]) - 1] for metrics in window if metrics.get(SKIPPED)]


@jax.jit
def _are_finite(tree):
    """Whether each of the tree's arrays is finite, a list."""
    return [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]
