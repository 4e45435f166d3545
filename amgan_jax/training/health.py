"""Training that goes wrong without a sound: what to look for, and what causes it."""

import numpy as np

from amgan_jax.report import Sheet
from amgan_jax.schema import UNKNOWN, Schema

_HEADLINES = {
    "amgan": {
        "generator/global_attributes": "attributes",
        "generator/cycle": "cycle",
        "generator/mask": "mask",
        "discriminator/global/critic": "critic",
    }
}
_LARGEST_PENALTY = 5.0  # healthy trainings stay below 1
_GRACE_STEPS = 200  # before it, networks are near their random start


def headline(phase: str, means: dict[str, float]) -> dict[str, float]:
    """The few metrics that stand in the progress line."""
    if phase not in _HEADLINES:
        return {"loss": means["loss"]}
    return {short: means[name] for name, short in _HEADLINES[phase].items() if name in means}


def diagnose(phase: str, step: int, means: dict[str, float]) -> list[str]:
    """Warnings from a window's mean metrics."""
    if phase != "amgan" or step < _GRACE_STEPS:
        return []
    warnings = []
    mask = means["generator/mask"]
    if mask < 0.005:
        warnings.append(
            f"step {step}: the mask is stuck at 0 ({mask:.4f}), so nothing is edited:"
            " lower generator_loss.attention, outside, mask_size or cycle"
        )
    if mask > 0.98 and "generator/attention" in means:
        warnings.append(
            f"step {step}: the mask is stuck at 1 ({mask:.3f}), so the whole image is repainted:"
            " raise generator_loss.attention"
        )
    for name in ("global", "regional"):
        critic = means.get(f"discriminator/{name}/critic")
        if critic is not None and critic > -1e-3 and means[f"discriminator/{name}/penalty"] > 0.5:
            warnings.append(
                f"step {step}: the {name} discriminator has collapsed (it tells real from fake by {-critic:.4f}):"
                " lower discriminator_optimizer.learning_rate, or raise amgan.n_critic"
            )
        penalty = means.get(f"discriminator/{name}/penalty", 0.0)
        if penalty > _LARGEST_PENALTY:
            warnings.append(
                f"step {step}: the {name} discriminator has run away (gradient penalty {penalty:.1f}, where 1 is much):"
                " raise discriminator_loss.penalty, or lower discriminator_optimizer.learning_rate"
            )
    return warnings


def diagnose_samples(step: int, sheet: Sheet) -> list[str]:
    """Warnings from a sample sheet (`report.Sheet`): does the generator heed what it is asked for?"""
    if step < _GRACE_STEPS or sheet.edited.shape[0] < 2:
        return []
    apart = float(np.mean(np.std(sheet.edited, axis=0)))
    moved = float(np.mean(np.abs(sheet.edited - sheet.image)))
    if moved > 0.01 and apart < 0.1 * moved:
        return [
            f"step {step}: the generator ignores its condition (edits differ by {apart:.4f}, from the image by"
            f" {moved:.4f}): raise generator_loss.global_attributes and regional_attributes"
        ]
    return []


def diagnose_classifier(schema: Schema, predicted_NxA: np.ndarray, label_NxA: np.ndarray) -> list[str]:
    """Warnings for attributes that are read hardly better than by guessing the commonest value."""
    warnings = []
    for a, attribute in enumerate(schema.attributes):
        known = label_NxA[:, a] != UNKNOWN
        if not known.any():
            continue
        labels = label_NxA[known, a]
        accuracy = np.mean(predicted_NxA[known, a] == labels)
        commonest = np.bincount(labels).max() / len(labels)
        if accuracy < commonest + 0.25 * (1.0 - commonest):
            warnings.append(
                f"the attention network cannot read {attribute.name}: {accuracy:.2f} of the validation images,"
                f" {commonest:.2f} by guessing; its edits will fail:"
                " use larger images, more labels or more attention.epochs"
            )
    return warnings
