"""The part of the card on how a detector came to be."""

from __future__ import annotations

from typing import Any

COPIED_BY = (
    ("latent_copies", "a latent autoencoder"),
    ("recoding_copies", "small autoencoders trained for it"),
    ("restoration_copies", "super-resolution networks"),
)


def method(figures: dict[str, Any]) -> str:
    run, calibration = figures["run"], figures["calibration"]
    if run.get("fused"):
        return _fused(run["fused"], calibration["prior"])
    slope = calibration["slope"]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    return f"""## Method

{_tuned(run)} Fakes: those of the data, each with its
original in one batch and under the same random changes where it has one, and {_made(run)}
made from genuine faces of every source, so that a source alone is no cue. Random JPEG 30-98 or
WebP, resolution chains, framing, borders, colour and noise for both classes alike.
{read_by(run)}Calibration: Platt scaling on the calibration split, slope {slope:.3f}, intercept
{calibration["intercept"]:.3f}; prior: {calibration["prior"]}. Versions: {versions}.
"""


def _tuned(run: dict[str, Any]) -> str:
    if not run["steps_done"]:
        return f"The tower is that of {run['start']}."
    steps, seed, validations = run["steps_done"], run["seed"], run["validations"]
    size = run.get("batch", 32)
    begun = f", begun with the weights of {run['start']}" if run.get("start") else ""
    best = f"best\nof {validations} checkpoints on the validation split."
    return (
        f"Fine-tuned for {steps} steps of {size} images (half of them fake), seed {seed}{begun};"
        f" {best if validations else 'the mean of its last weights.'}"
        f"{_apart(run.get('species'))}{_taught(run.get('student'))}"
    )


def _taught(found: dict[str, Any] | None) -> str:
    """Of a student."""
    if not found:
        return ""
    return f"""
It was taught by {found["teacher"]}, too: to give its log-odds and its inner units of
{found["views"]:,} views of the training split."""


def read_by(run: dict[str, Any]) -> str:
    """Of a network that reads the layers of another, how it was fitted."""
    if not run.get("readout"):
        return ""
    found = run["readout"]
    views, epochs = found["views"], found["epochs"]
    after = f"{_carried(found)}{_gone_on(found)}{_beside(run)}"
    return f"""What reads its layers was fitted to {views:,} such views of the training split,
each seen {epochs} times at most.{_apart(found.get("species"))}{after}
{_checked(found)}"""


def _checked(found: dict[str, Any]) -> str:
    known = found.get("validation_auc")
    return f"AUC on views of the validation split: {known:.3f}.\n" if known else ""


def _apart(species: int | None) -> str:
    return f" It learned\nto tell {species} species of fakes apart, too." if species else ""


def _beside(run: dict[str, Any]) -> str:
    """Of a discriminant that has a place in what reads the layers."""
    if not (found := run.get("discriminant")):
        return ""
    return f"""
Beside it a linear discriminant of generated faces ({", ".join(found["generated"])}) counts as one
more species, so that generators which were never seen are found, too."""


def _carried(found: dict[str, Any]) -> str:
    """Of a readout that was fitted at another tower."""
    if "carried_from" not in found:
        return ""
    return f"""
That was done for the tower of {found["carried_from"]}. It was carried over to this one by
{found["carried_views"]:,} views, read by both, so that its units give what they gave there."""


def _gone_on(found: dict[str, Any]) -> str:
    """Of a readout that was fitted on to more views."""
    if "gone_on" not in found:
        return ""
    return """
Then it was fitted on to {views:,} more views, each seen {epochs} times; the weights are the
middle between those before and those after.""".format(**found["gone_on"])


def _fused(names: list[str], prior: str) -> str:
    return f"""## Method

Logistic regression over the calibrated log-odds of {" and ".join(names)}; their own cards
tell how these were trained. Half of the groups of the calibration split fitted the weights, the
other half the calibration and the thresholds; prior: {prior}.
"""


def _made(run: dict[str, Any]) -> str:
    if not run.get("swaps"):
        return "self-blended images"
    copied = [f", copies by {what} ({run[name]:,})" for name, what in COPIED_BY if run.get(name)]
    apart = " (those of other faces than training's were left out)" if copied else ""
    return f"self-blended images, swaps{''.join(copied)}{apart}"
