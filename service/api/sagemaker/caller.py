"""Who calls a SageMaker route: its clients know nothing of a `hash_id`."""

from __future__ import annotations

import re

from flask import request

from service.api.http.context import services

ATTRIBUTE = re.compile(r"(?:^|[,;\s])hash_id=([^,;\s]+)")
ACCESS_KEY = re.compile(r"AWS4-HMAC-SHA256 Credential=(fg_[^/,\s]+)/")


def caller() -> str | None:
    """The hash_id of the custom attributes, or in the place of the AWS access key; else the one of
    the header that all routes read, and last the one of the settings."""
    attributes = request.headers.get("X-Amzn-SageMaker-Custom-Attributes", "")
    found = ATTRIBUTE.search(attributes) or ACCESS_KEY.match(
        request.headers.get("Authorization", "")
    )
    if found:
        return found[1]
    return request.headers.get("X-Hash-Id") or services().sagemaker_hash_id
