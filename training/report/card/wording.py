"""Wording shared by the parts of the card: names of species, rates, tables."""

from __future__ import annotations

from typing import Any

SPECIES = {
    "dfdc": "face swaps (DFDC)",
    "ffhq_stylegan1": "generated faces (StyleGAN)",
    "stylegan2": "generated faces (StyleGAN2)",
    "wild_swaps": "face swaps in the wild (GAN)",
    "stylegan": "generated faces (StyleGAN, StyleGAN2)",
    "sd15": "generated faces (Stable Diffusion 1.5)",
    "sd21": "generated faces (Stable Diffusion 2.1)",
    "sdxl": "generated faces (Stable Diffusion XL and few others)",
    "flux1": "generated faces (FLUX.1)",
    "gemini": "generated faces (Gemini image)",
    "deepfacelive": "face swaps (DeepFaceLive)",
    "inswapper": "face swaps (InSwapper)",
    "ffpp_swaps": "face swaps (SimSwap and nine other methods)",
    "talking": "talking heads (EDTalk, DreamTalk, Wav2Lip)",
    "edits": "edited faces (StarGAN, GANimation, ageing)",
}


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
