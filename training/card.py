"""metrics.json in words: card.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SPECIES = {
    "dfdc": "face swaps (DFDC)",
    "ffhq_stylegan1": "generated faces (StyleGAN)",
    "stylegan2": "generated faces (StyleGAN2)",
    "wild_swaps": "face swaps in the wild (GAN)",
}
MADE = {
    "self_blends": "self-blends",
    "latent_copies": "copies by a latent autoencoder",
    "restoration_copies": "faces restored by super-resolution",
}
COPIED_BY = (
    ("latent_copies", "a latent autoencoder"),
    ("recoding_copies", "small autoencoders trained for it"),
    ("restoration_copies", "super-resolution networks"),
)
COPIED = {
    "latent_copies": """The copies came back out of the very autoencoder that made those for
training; a diffusion generator has another one.""",
    "restoration_copies": """The restored faces had been shrunk, and were enlarged by the very
networks that restored those for training; other networks and filters leave other marks.""",
}
NEVER_COPIED = {
    "latent_copies": "No such copies were in training.",
    "restoration_copies": "No restored faces were in training.",
}
LIMITS = """## What it is not for

* Print and replay attacks (a photograph of a photograph or of a screen): no claim, no data.
* Diffusion images, one-shot swappers, reenactment, morphs, retouching: not in the data, so not
  measured. Published detectors of this size fall to near chance on methods they have not seen;
  expect that here too, and do not read the figures above as figures for such attacks.
* Cameras and sources that are not in the data: scores shift from source to source. Measure the
  BPCER on some hundred genuine images of your own, and choose the operating point by that.
* Equal treatment of all groups of people: the table above is too small, and of one source only, to
  show that it holds.
* A decision about a person by itself. A score is a reason to look again.

"""
KEPT = """All that
they had seen is in the training split here; actors of DFDC may be in both all the same."""
NOT_KEPT = """Part of
the test images of DFDC was in their training: its figures may be too good on that account, too."""


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write folder/card.md."""
    test, run = figures["test"], figures["run"]
    (folder / "card.md").write_text("".join([
        _head(figures), _data(figures), _results(test, run), _robustness(test, run),
        _transfer(run), LIMITS, _method(figures),
    ]))  # fmt: skip


def rate(figure: dict[str, Any]) -> str:
    """`0.123 (0.110-0.140)`; a dash where it cannot be computed."""
    if figure["value"] is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"


def species(name: str, run: dict[str, Any]) -> str:
    """The name for people, saying whether training never saw it."""
    unseen = ", never in training" if name in run["hold_out"] else ""
    return SPECIES.get(name, name) + unseen


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


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
and its actors recur: its genuine faces were clustered by ImageNet features and clusters kept whole,
which makes it less likely, not impossible, that an actor is in two splits. The DFDC figures may
therefore be somewhat too good. Test images come from the same sources as the training images,
except where "never in training" is said.
{_unlabelled(kinds)}{_begun(figures["run"])}
Non-response (no face found), over all images, apart from the error rates:

{missed}
"""


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
Where no error at all was seen among n images the bootstrap says 0.000-0.000; the true rate may then
still be as high as 3/n.

{"".join(points)}"""


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


def _robustness(test: dict[str, Any], run: dict[str, Any]) -> str:
    def lines(slices: list[dict[str, Any]], name: str, *more: str) -> list[list[str]]:
        return [[s[name], s["images"], *(rate(s[key]) for key in ("auc", "apcer", "bpcer", *more))]
                for s in slices]  # fmt: skip

    header = ["images", "AUC", "APCER", "BPCER"]
    changed = lines(test["by_change"], "change", "recall_lost", "moved")
    widths = lines(test["by_face_width"], "pixels")
    people = [[name, e["images"], rate(e)] for name, e in test["by_people"].items()]
    made = [[_made_of(name, test[name]), *line] for name in MADE if name in test
            for line in lines([test[name]], "jpeg")]  # fmt: skip
    by_the_same = "".join(_copied(name, run) for name in COPIED if name in test)
    return f"""## Robustness, at the threshold for BPCER 5 %

The same photographs, changed before detection, every source and species counting alike. Recall lost
is the share of the attacks found unchanged less the share found changed; moved is how far the
probability moves on average. `half` is half the width and height; `messenger` is JPEG 80, 0.6 of
the width and height, JPEG 70; `flipped` is left for right.

{table(["change", *header, "recall lost", "moved"], changed)}
By width of the face in the photograph (sources differ in it, so this is not width alone):

{table(["width, px", *header], widths)}
BPCER by group of people, genuine UTKFace test images only, by that set's own labels:

{table(["group", "images", "BPCER"], people)}
Genuine test images beside fakes that this project's own scripts made of them; self-blends were also
made of other images in training.{by_the_same}

{table(["fakes", "JPEG quality", *header], made)}
{_heat_map(test)}"""


def _copied(name: str, run: dict[str, Any]) -> str:
    """A fusion's detectors need not all have learned from them."""
    learned = run.get(name) or run.get("fused")
    return f"\n{COPIED[name] if learned else NEVER_COPIED[name]}"


def _made_of(name: str, figures: dict[str, Any]) -> str:
    sources = figures.get("sources")
    return MADE[name] + (f", of {', '.join(sources)}" if sources else "")


def _heat_map(test: dict[str, Any]) -> str:
    if "heat_map" not in test:
        return ""
    found = test["heat_map"]
    part = f"{found['suspected']} of {found['images']}"
    return f"""Heat map: {part} self-blends of genuine test images get a probability of
0.5 or more. In these {rate(found["inside"])} of the heat lies in the region that was
blended, which is {rate(found["area"])} of the crop: {rate(found["ratio"])} times what chance gives.

"""


def _transfer(run: dict[str, Any]) -> str:
    """Of a readout that was fitted without each species, and each source, in turn."""
    if not run.get("transfer"):
        return ""
    found, seen = run["transfer"], ["seen", "left out"]
    note = f"{found['note']}\n" if "note" in found else ""
    fakes = [[SPECIES.get(name, name), e["fakes"], rate(e["seen"]), rate(e["left_out"])]
             for name, e in found["species"].items()]  # fmt: skip
    faces = [[name, e["genuine"], rate(e["seen"]), rate(e["left_out"])]
             for name, e in found["sources"].items()]  # fmt: skip
    return f"""## What transfers

What reads the layers, fitted to {found["views"]:,} views ({found["epochs"]} epochs) with and
without each species of fakes; AUC of that species against all genuine faces, among augmented views
of the test split, which are harder than photographs. The tower below was tuned on all of them.
{note}Of a species of which nothing was seen expect what the last column says.

{table(["species", "fakes", *(f"AUC, {how}" for how in seen)], fakes)}
The same with and without each source of genuine faces and the fakes beside them; BPCER of that
source at the threshold that refuses 5 % of the others. The tower had seen all of these, so a source
that was never seen may be refused more often than the worst row of the last column says.

{table(["genuine faces of", "views", *(f"BPCER, {how}" for how in seen)], faces)}
"""


def _method(figures: dict[str, Any]) -> str:
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
{_read(run)}Calibration: Platt scaling on the calibration split, slope {slope:.3f}, intercept
{calibration["intercept"]:.3f}; prior: {calibration["prior"]}. Versions: {versions}.
"""


def _tuned(run: dict[str, Any]) -> str:
    if not run["steps_done"]:
        return f"The tower is that of {run['start']}."
    steps, seed, validations = run["steps_done"], run["seed"], run["validations"]
    size = run.get("batch", 32)
    begun = f", begun with the weights of {run['start']}" if run.get("start") else ""
    return (
        f"Fine-tuned for {steps} steps of {size} images (half of them fake), seed {seed}{begun};"
        f" best\nof {validations} checkpoints on the validation split.{_apart(run.get('species'))}"
    )


def _read(run: dict[str, Any]) -> str:
    """Of a network that reads the layers of another, how it was fitted."""
    if not run.get("readout"):
        return ""
    found = run["readout"]
    views, epochs = found["views"], found["epochs"]
    return f"""What reads its layers was fitted to {views:,} such views of the training split,
each seen {epochs} times at most.{_apart(found.get("species"))}{_carried(found)}{_gone_on(found)}
AUC on views of the validation split: {found["validation_auc"]:.3f}.
"""


def _apart(species: int | None) -> str:
    return f" It learned\nto tell {species} species of fakes apart, too." if species else ""


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
