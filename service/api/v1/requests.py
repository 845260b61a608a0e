"""What requests of our own routes may say."""

from __future__ import annotations

from typing import Annotated

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

MAX_ID = 128
ImageText = Annotated[
    str, Field(description="an image as a data URI or bare base64", examples=["/9j/4AAQSkZJ..."])
]
ONE_IMAGE: JsonDict = {"anyOf": [{"required": ["image"]}, {"required": ["selfie_image"]}]}


class Capture(BaseModel):
    """What a capture page saw of the camera. It comes from the client: a hint, never a proof."""

    device: str = Field("", max_length=200, description="how the camera calls itself")
    intervals_ms: list[Annotated[float, Field(ge=0, le=60_000)]] = Field(
        [], max_length=300, description="milliseconds between two frames, as they came"
    )


def _from_text(value: object) -> object:
    """Parse JSON text, which is what a form carries."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise PydanticCustomError("no_json", "it is not valid JSON") from None


class CallOptions(BaseModel):
    """What a request says beside its images."""

    hash_id: str | None = Field(None, description="licence key; may come as a header instead")
    explain: bool = Field(False, description="add a heat map (needs the feature `explain`)")
    capture: Annotated[Capture | None, BeforeValidator(_from_text)] = Field(
        None, description="what a capture page saw of the camera; in a form as JSON text"
    )


class _OneImage(BaseModel):
    model_config = ConfigDict(json_schema_extra=ONE_IMAGE)

    image: ImageText = ""
    selfie_image: Annotated[str, Field(description="another name of `image`")] = ""

    @model_validator(mode="after")
    def _has_one(self) -> _OneImage:
        if not self.image and not self.selfie_image:
            raise PydanticCustomError("no_image", "image")
        if self.image and self.selfie_image and self.image != self.selfie_image:
            raise PydanticCustomError("two_images", "it is another image than selfie_image")
        return self


class AnalyzeBody(CallOptions, _OneImage):
    """One selfie."""


class BatchItem(_OneImage):
    """One selfie among many."""

    id: str | None = Field(None, max_length=MAX_ID, description="your own name for it, sent back")


class BatchBody(CallOptions):
    """Many selfies."""

    images: list[BatchItem] = Field(min_length=1)


class JobBody(BaseModel):
    """One medium to be judged later."""

    hash_id: str | None = Field(None, description="licence key; may come as a header instead")
    media: str = Field(min_length=1, description="the medium as a data URI or bare base64")
    callback_url: str | None = Field(
        None, min_length=1, description="http or https address that is sent the end of the job"
    )
