"""metrics.json in words: card.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.report.card.method import method
from training.report.card.robustness import robustness
from training.report.card.wording import SPECIES, rate, species, table

LIMITS = """## What it is not for

* Print and replay attacks (a photograph of a photograph or of a screen): no claim, no data.
* Methods that are not in the table of data (other generators and swappers, reenactment, morphs,
  retouching): not measured. Of a method that was never seen expect what "What transfers" says,
  not the figures above.
* Cameras and sources that are not in the data: scores shift from source to source. Measure the
  BPCER on some hundred genuine images of your own, and choose the operating point by that.
* Equal treatment of all groups of people: the table above is too small, and of one source only, to
  show that it holds.
* A decision about a person by itself. A score is a reason to look again.

"""
KEPT = """All that
they had seen is in the training split here; actors of DFDC may be in both all the same."""
NOT_KEPT = """Part of
the test images of these sources was in their training: such figures may be too good on that
account, too."""


VIEWS = """augmented views
of the test split, which are harder than photographs"""
TUNED = "The tower below was tuned on all of them."


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write folder/card.md."""
    test, run = figures["test"], figures["run"]
    (folder / "card.md").write_text("".join([
        _head(figures), _data(figures), _results(test, run), robustness(test, run),
        _transfer(run), LIMITS, method(figures),
    ]))  # fmt: skip


def _head(figures: dict[str, Any]) -> str:
    model = figures["model"]
    return f"""# {model["name"]} {model["version"]}

{model["origin"]}
Licence of the code and starting weights: {model["licence"]}. Most of the training images are
licensed for research only; for commercial use retrain on images of your own (`training/README.md`:
one command).

Intervals are 95 % bootstrap intervals over groups. Figures are for the test split, which had no
part in training, choice of checkpoint, calibration or thresholds; of the larger sources a part
drawn at random is scored.

"""


def _data(figures: dict[str, Any]) -> str:
    counts = figures["data"]
    names = ["train", "validation", "calibration", "test"]
    kinds = sorted({kind for split in counts.values() for kind in split})
    rows = [[kind, *(f"{counts.get(n, {}).get(kind, 0):,}" for n in names)] for kind in kinds]
    misses = [
        [kind, f"{entry['missed']} of {entry['images']:,}"]
        for kind, entry in figures["non_response"].items()
    ]
    numbers, missed = table(["images", *names], rows), table(["images", "no face found"], misses)
    return f"""## Data

{numbers}
Images of one group (a fake and its original, one person) are on one side. DFDC has no person labels
and its actors recur{_clusters(figures["run"])}. The DFDC figures may therefore be too good. Test
images come from the same sources as the training images, except where "never in training" is said.
{_unlabelled(kinds)}{_begun(figures["run"])}
Non-response (no face found), over all images, apart from the error rates:

{missed}
"""


def _clusters(run: dict[str, Any]) -> str:
    if "dfdc" not in run.get("cluster", ()):
        return " on both sides"
    return """: its genuine faces were clustered by ImageNet features and clusters kept
whole, which makes it less likely, not impossible, that an actor is in two splits"""


def _unlabelled(kinds: list[str]) -> str:
    if "wild_swaps fake" not in kinds:
        return ""
    return """
Of the swaps in the wild nothing is known of the people: they were split image by image, so a
person may, and the method of the swap will, be on both sides. Their figures say little about other
swaps.
"""


def _begun(run: dict[str, Any]) -> str:
    if not run.get("start"):
        return ""
    seen = KEPT if run.get("groups", KEPT) else NOT_KEPT  # earlier trainings kept it by themselves
    return f"""
The weights it began with, {run["start"]}, had been trained on images of the same sources. {seen}
"""


def _results(test: dict[str, Any], run: dict[str, Any]) -> str:
    overall = [[name, rate(test[key])] for name, key in [
        ("AUC, pooled", "auc"), ("D-EER, pooled", "d_eer"),
        ("ECE, classes and sources balanced", "ece"), ("Brier, likewise", "brier")]]  # fmt: skip
    points = [_point(point, run) for point in test["operating_points"]]
    aucs = [[species(name, run), rate(figure)] for name, figure in test["by_species"].items()]
    return f"""## Results

{table(["figure", "value"], overall)}
AUC of each species against all genuine test images:

{table(["species", "AUC"], aucs)}
Thresholds are on the calibrated probability, named by the BPCER they had on the calibration split
(every genuine source counting the same); a rate the split is too small for is left out.
{_margin(run)}Where no error at all was seen among n images the bootstrap says
0.000-0.000; the true rate may then still be as high as 3/n.

{"".join(points)}"""


def _margin(run: dict[str, Any]) -> str:
    """Of thresholds that stand for genuine sources which training has not seen."""
    if "new_sources" not in run:
        return ""
    found = run["new_sources"]
    return """They stand for a genuine source that training has not seen: readouts fitted without a
fifth of the genuine sources each need {margin:.2f} more of a logit to refuse no more of these than
of those that were seen ({views:,} views of the calibration split, of sources without fakes of their
own), and that was added. Sources that were seen are refused less often.{whose}
""".format(
        **found,
        whose=f"\nIt was measured on {found['of']}, and taken over." if "of" in found else "",
    )


def _point(point: dict[str, Any], run: dict[str, Any]) -> str:
    missed = [["APCER", species(n, run), e["images"], rate(e)]
              for n, e in point["apcer_by_species"].items()]  # fmt: skip
    alarms = [["BPCER", n, e["images"], rate(e)] for n, e in point["bpcer_by_source"].items()]
    alarms.append(["BPCER", "all genuine", "", rate(point["bpcer_pooled"])])
    worst = species(point["apcer_worst_species"], run)
    return f"""### BPCER {point["bpcer"]:.1%}: threshold {point["threshold"]:.4f}

{table(["rate", "of", "images", "value"], missed + alarms)}
APCER: mean {point["apcer_mean"]:.3f}, worst species: {worst}.

"""


def _transfer(run: dict[str, Any]) -> str:
    """Of a readout that was fitted without each species, and each source, in turn."""
    if not run.get("transfer"):
        return ""
    found, seen = run["transfer"], ["seen", "left out"]
    note = f"{found['note']}\n" if "note" in found else ""
    on, tuned = found.get("on", VIEWS), TUNED if "on" not in found else ""
    fakes = [[SPECIES.get(name, name), e["fakes"], *_figures(e, "auc"), *_figures(e, "missed")]
             for name, e in found["species"].items()]  # fmt: skip
    faces = [[name, e["genuine"], *_figures(e, "bpcer")] for name, e in found["sources"].items()]
    titles = [f"{what}, {how}" for what in ("AUC", "missed") for how in seen]
    return f"""## What transfers

What reads the layers, fitted to {found["views"]:,} views ({found["epochs"]} epochs) with and
without each family of fakes; AUC of that family against all genuine faces, and the share of it that
is missed where 5 % of these are refused, among {on}. {tuned}
{note}Of a family of which nothing was seen expect what "left out" says: recipes are chosen by that.

{table(["family", "fakes", *titles], fakes)}
The same with and without each source of genuine faces; BPCER of that source at the threshold that
refuses 5 % of those that were seen. A source that was never seen may be refused more often than the
worst row of the last column says.

{table(["genuine faces of", "views", *(f"BPCER, {how}" for how in seen)], faces)}
"""


def _figures(entry: dict[str, Any], name: str) -> list[str]:
    return [rate(entry[how][name]) for how in ("seen", "left_out")]
