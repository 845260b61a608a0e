"""The card of the detector, in the terms of ISO/IEC 30107-3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

WANTED = {"auc": 0.9, "apcer": 0.35}  # at a BPCER of 5 %, before it should decide anywhere
CHOSEN = {
    "texture": "The layers that are read were\n"
    "chosen by these same figures, so they are rather too good.",
    "clip-pad": "All that clip's readout sees\nis read; no part was chosen by these figures.",
    "presentation": "The layers of texture were\n"
    "chosen by figures of these images; the weights are equal and were not fitted.",
}
FEWEST = 20  # images of a source that its rate is stated for

CARD = """# {name} {version}

Task: presentation attacks (prints and screens held before the camera). {origin}
Licence of the code and starting weights: Apache-2.0. The training images state no licence or are
for research only; for commercial use fit it to images of your own.

Every figure here is of sources that the head was fitted without. {chosen}
A source is mostly one person, one room, one camera and one screen; each counts with at most 40
live faces and 40 attacks. Intervals are 95 %, by drawing sources, and wide: there are few sources.

| figure | value (95 % interval) |
| --- | --- |
| AUC, {attacks} attacks and {live} live faces of {sources} webcams and phones | {auc} |
{apcer}

**It warns and does not decide** unless a site sets `FACEGATE_PRESENTATION=decide`{reached}.

At the threshold for a BPCER of 5 %:

| instrument | images | APCER |
| --- | --- | --- |
{species}
| worst | | {worst} |

| source left out | attacks | live | AUC | APCER | BPCER |
| --- | --- | --- | --- | --- | --- |
{by_source}

Of {other_count} genuine pictures from {other_sources} other sources (portraits, video frames,
scans), each left out in its turn, {other} are taken for attacks; of the worst source {worst_other}.

## Limits
* A replay that a good phone films from another phone's screen is often missed.
* Prints: a few, black and white, of one source. Colour prints and masks were never seen.
* Attacks that were made by rendering helped the fit; no figure counts them.
* The crop is 1.3 times the face: a bezel or a paper's edge farther out is not seen. Most training
  images are cut out closely, so there was no wider view to learn from.
* A scanned identity photograph is a print to it.
* Single images. Flicker and parallax of videos are not looked at.
* Operating points are quantiles over sources left out, so that they hold for a camera that was
  never seen; a single camera may be far from them (table above). Fit the threshold to yours:
  `facegate calibrate DIR --task presentation_attack`.
"""


def write_card(folder: Path, fields: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """FOLDER/card.md."""
    sources, others = figures["by_source"], figures["bpcer_by_other_source"]
    species = figures["by_species"]
    rates = [one["bpcer"] for one in others.values() if one["live"] >= FEWEST]
    text = CARD.format(
        name=fields["name"],
        version=fields["version"],
        origin=fields["origin"],
        attacks=f"{sum(one['attacks'] for one in sources.values()):,}",
        live=f"{sum(one['live'] for one in sources.values()):,}",
        sources=len(sources),
        chosen=CHOSEN[fields["name"]],
        reached=_reached(figures),
        auc=shown(figures["auc"]),
        apcer="\n".join(_apcer(figures["apcer_at_bpcer"])),
        species="\n".join(
            f"| {name} | {one['attacks']} | {one['apcer']:.2f} |" for name, one in species.items()
        ),
        worst=f"{max(one['apcer'] for one in species.values()):.2f}",
        by_source="\n".join(_sources(sources)),
        other_count=f"{sum(one['live'] for one in others.values()):,}",
        other_sources=len(others),
        other=shown(figures["bpcer_of_other_pictures"]),
        worst_other=f"{max(rates, default=0):.2f}",
    )
    (folder / "card.md").write_text(text)


def _reached(figures: Mapping[str, Any]) -> str:
    auc, apcer = figures["auc"]["value"], figures["apcer_at_bpcer"]["0.05"]["value"]
    if auc >= WANTED["auc"] and apcer <= WANTED["apcer"]:
        return ":\nmeasure it on your own cameras first"
    return ": one of AUC 0.90\nand APCER 0.35 at a BPCER of 5 % is not reached"


def shown(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"


def short(source: str) -> str:
    """The first word of a source's name."""
    return source.split("__", maxsplit=1)[0]


def _apcer(figures: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for rate, figure in figures.items():
        yield f"| APCER at a BPCER of {float(rate):.0%} | {shown(figure)} |"


def _sources(sources: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, one in sources.items():
        rates = (one["auc"], one["apcer"], one["bpcer"])
        cells = " | ".join("-" if rate is None else f"{rate:.2f}" for rate in rates)
        yield f"| {name} | {one['attacks']} | {one['live']} | {cells} |"
