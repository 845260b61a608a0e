"""Settings of judging."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, SecretStr

from service.errors import Reason
from service.settings.kinds import COMMA_LIST, PACKAGE, Fraction, Names, Seconds, SomeSeconds

Word = Annotated[Reason, BeforeValidator(lambda name: str(name).upper())]  # in any case


class JudgingSettings(BaseModel):
    """How faces and voices are judged."""

    models_dir: Path = Field(PACKAGE / "models", description="folder of model folders")
    detectors: Names = Field(
        (), description="detectors to run, comma list; empty: every one in the models folder"
    )
    profile: Literal["accurate", "fast"] = Field(
        "accurate", description="run the most accurate detectors, or the fast ones alone"
    )
    fusion: Literal["stacking", "average", "voting", "max"] = Field(
        "stacking",
        description="fusion of detectors; stacking: the trained one, or average where none fits",
    )
    bpcer: float = Field(0.05, gt=0, lt=1, description="BPCER that the threshold stands for")
    calibration: Path | None = Field(
        None,
        description="file of `facegate calibrate`; none: calibration.json of the data folder,"
        " where there is one",
    )
    presentation: Literal["off", "warn", "decide"] = Field(
        "warn",
        description="prints and screens held before the camera: not looked for; found and shown;"
        " or found and deciding",
    )
    multi_face: Literal["worst", "largest", "refuse"] = Field(
        "worst", description="several prominent faces: the worst counts, the largest, or refuse"
    )
    max_faces: int = Field(3, ge=1, description="most faces judged in one image")
    refuse: Annotated[frozenset[Word], *COMMA_LIST] = Field(
        frozenset({Reason.FACE_NOT_FOUND, Reason.FACE_TOO_SMALL}),
        description="reasons that refuse an image, comma list, or `none`; the others only warn",
    )
    min_face: int = Field(48, ge=1, description="FACE_TOO_SMALL below this face width in pixels")
    border_margin: Fraction = Field(
        0.02, description="FACE_CLOSE_TO_BORDER within this fraction of the image's shorter side"
    )
    max_angle: float = Field(
        45.0, ge=0, le=90, description="FACE_ANGLE_TOO_LARGE above these degrees"
    )
    min_sharpness: float = Field(8.0, ge=0, description="IMAGE_TOO_BLURRY below this variance")
    min_brightness: Fraction = Field(
        0.10, description="IMAGE_TOO_DARK below this mean luma of the face"
    )
    max_brightness: Fraction = Field(0.92, description="IMAGE_TOO_BRIGHT above this mean luma")

    # Judging voices
    voice: Literal["off", "advise", "decide"] = Field(
        "advise",
        description="voices in recordings and videos: not judged; judged, but only as advice beside"
        " what decides; or counted in the decision",
    )
    min_speech: Seconds = Field(1.0, description="SPEECH_TOO_SHORT below these seconds of speech")
    min_snr: float = Field(3.0, description="AUDIO_TOO_NOISY below these decibels over the noise")
    max_clipping: Fraction = Field(
        0.01, description="AUDIO_CLIPPED above this share of the speech at its loudest level"
    )


class ProvenanceSettings(BaseModel):
    """What the bytes of a picture tell."""

    provenance: Literal["off", "on"] = Field(
        "on", description="whether the bytes of a picture are asked where it comes from"
    )
    provenance_rules: Path = Field(
        PACKAGE / "provenance" / "rules.toml", description="file of provenance rules"
    )
    provenance_flag: Annotated[frozenset[str], *COMMA_LIST] = Field(
        frozenset(), description="provenance rules that flag an answer, comma list"
    )
    provenance_refuse: Annotated[frozenset[str], *COMMA_LIST] = Field(
        frozenset(), description="provenance rules that refuse a picture, comma list"
    )
    provenance_anchors: Path | None = Field(
        None, description="file of certificates (PEM) whose Content Credentials are trusted"
    )
    provenance_seen: bool = Field(
        False,
        description="keep a keyed perceptual hash of each picture, to tell when it comes again",
    )
    provenance_seen_ttl: SomeSeconds = Field(
        30 * 86400, description="seconds that such a hash is kept"
    )
    provenance_key: SecretStr | None = Field(
        None, description="key of these hashes; none: made once in the data folder"
    )
    provenance_key_file: Path | None = Field(None, description="file that holds that key")
