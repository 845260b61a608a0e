"""The part of the card on what changes of a photograph cost, and on fakes made of test images."""

from __future__ import annotations

from typing import Any

from training.report.card.wording import rate, table

MADE = {
    "self_blends": "self-blends",
    "latent_copies": "copies by a latent autoencoder",
    "restoration_copies": "faces restored by super-resolution",
}
COPIED = {
    "latent_copies": """The copies came back out of the very autoencoder that made those for
training; a diffusion generator has another one.""",
    "restoration_copies": """The restored faces had been shrunk, and were enlarged by the very
networks that restored those for training; other networks and filters leave other marks.""",
}
HEADER = ["images", "AUC", "APCER", "BPCER"]
NEVER_COPIED = {
    "latent_copies": "No such copies were in training.",
    "restoration_copies": "No restored faces were in training.",
}


def robustness(test: dict[str, Any], run: dict[str, Any]) -> str:
    def lines(slices: list[dict[str, Any]], name: str, *more: str) -> list[list[str]]:
        return [[s[name], s["images"], *(rate(s[key]) for key in ("auc", "apcer", "bpcer", *more))]
                for s in slices]  # fmt: skip

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

{table(["change", *HEADER, "recall lost", "moved"], changed)}
By width of the face in the photograph (sources differ in it, so this is not width alone):

{table(["width, px", *HEADER], widths)}
BPCER by group of people, genuine UTKFace test images only, by that set's own labels:

{table(["group", "images", "BPCER"], people)}
Genuine test images beside fakes that this project's own scripts made of them; self-blends were also
made of other images in training.{by_the_same}

{table(["fakes", "JPEG quality", *HEADER], made)}
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
