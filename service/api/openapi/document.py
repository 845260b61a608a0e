"""The OpenAPI document and its page. Everything the page loads comes from this service."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, send_from_directory
from pydantic.json_schema import models_json_schema

from service import __version__
from service.api.check import operations as check
from service.api.facia import operations as facia
from service.api.gateway import operations as gateway
from service.api.http import operations as probes
from service.api.http.context import services
from service.api.http.reply import json_reply
from service.api.openapi import pages
from service.api.openapi.operation import Operations, paths
from service.api.sagemaker import operations as sagemaker
from service.api.v1 import operations as v1
from service.errors import RouteNotFound

blueprint = Blueprint("openapi", __name__)
OPERATIONS: Operations = {
    route: operation
    for contract in (facia, check, gateway, sagemaker, v1, probes, pages)
    for route, operation in contract.OPERATIONS.items()
}
ASSETS = {
    "swagger-ui.css": "css/swagger-ui.css",
    "swagger-ui-bundle.js": "js/swagger-ui-bundle.js",
    "icon.svg": "images/swagger.svg",
}
# Addresses are relative, so that the page works behind a proxy's path prefix as well.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Facegate</title>
<link rel="icon" href="docs/icon.svg">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# A file of its own: the content security policy allows no inline script.
# Without `validatorUrl: null` the page would send the document's address to another host.
SCRIPT = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"""
ABOUT_ALL = (
    "With `Accept: application/jose` every answer in JSON is one signed text; see"
    " `/.well-known/jwks.json`. What has something judged may carry the header"
    " `Facegate-Challenge` with a challenge of `POST /v1/sessions`."
)
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "the hash_id as a bearer token"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Hash-Id"},
    "user": {"type": "http", "scheme": "bearer", "description": "a user's token, of POST /token"},
}


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The document itself."""
    return json_reply(document(services().settings.max_batch))


@blueprint.get("/docs")
def docs() -> Response:
    """The page."""
    return Response(PAGE, mimetype="text/html")


@blueprint.get("/docs/<name>")
def asset(name: str) -> Response:
    """What the page loads."""
    if name == "start.js":
        return Response(SCRIPT, mimetype="text/javascript")
    if name not in ASSETS:
        raise RouteNotFound
    return send_from_directory(_assets(), ASSETS[name], max_age=86400)


@cache
def document(max_batch: int) -> dict[str, Any]:
    """OpenAPI 3.1: every route, status and error code."""
    models = {pair for operation in OPERATIONS.values() for pair in operation.models()}
    _, schemas = models_json_schema(
        sorted(models, key=str), ref_template="#/components/schemas/{model}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Facegate",
            "version": __version__,
            "summary": "Tells a genuine selfie from a deepfake, on your own machine.",
            "description": ABOUT_ALL,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "paths": paths(OPERATIONS, {"max_batch": max_batch}),
        "components": {"schemas": schemas["$defs"], "securitySchemes": SECURITY},
    }


@cache
def _assets() -> Path:
    # Found, not imported: only the files of that package are of use here.
    spec = importlib.util.find_spec("flask_openapi3_swagger")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "templates" / "swagger"
