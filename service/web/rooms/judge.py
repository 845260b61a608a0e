"""Try: judge a file, an address or a picture of the webcam, and see everything that was found."""

from __future__ import annotations

import shlex
from dataclasses import replace

from flask import request

from service.analysis.judgement import Analysis
from service.api.http.body import read_form
from service.api.http.context import services
from service.api.v1.render import answered
from service.errors import FacegateError, RequestError
from service.judging.judge import Judged
from service.media.fetching import MEDIA
from service.media.medium import Medium
from service.web import guard
from service.web.judged import view
from service.web.pages import door, page
from service.web.preview import Preview, preview_of

blueprint = guard.room("judge", "analyst", "/try")
door("judge.form", "analyst", "nav.judge")
NAME = 200  # characters of a file's name that are shown


@blueprint.get("/")
def form() -> str:
    """Where media are dropped, chosen, pasted, named by address or taken with the webcam."""
    settings = services().settings
    return page("try.html", most=settings.max_body_bytes, seconds=settings.sync_seconds)


@blueprint.post("/")
def judge() -> str | tuple[str, int]:
    """Judge one medium; the answer is a part of the page."""
    fields, files = read_form()
    name = ""
    try:
        file = files.get("media")
        medium, name = _uploaded(file) if file else _fetched(fields.get("url", ""))
        judged = _judge(medium, explain=True)
    except FacegateError as error:
        return page("judged-error.html", error=error, name=name[:NAME]), error.status
    url = "" if file else fields.get("url", "")
    return _shown(medium, judged, name[:NAME], url)


def _shown(medium: Medium, judged: Judged, name: str, url: str) -> str:
    answer = answered(judged)
    raw = answer.model_copy(update={"heat_map": None}) if hasattr(answer, "heat_map") else answer
    return page(
        "judged.html",
        name=name,
        v=view(judged.analysis, _preview(medium, judged.analysis)),
        heat_map=getattr(judged.analysis, "heat_map", None),
        judged=judged,
        raw=raw.model_dump_json(indent=2, exclude_none=True),
        curl=_curl(name, url),
    )


def _uploaded(file: object) -> tuple[Medium, str]:
    name = str(getattr(file, "filename", "") or "")
    stream = file.stream  # type: ignore[attr-defined]
    return Medium.receive(stream, services().settings.max_body_bytes, name), name


def _fetched(url: str) -> tuple[Medium, str]:
    """Through the guarded fetcher, as every address that a stranger names."""
    if not url:
        raise RequestError("Choose a file, or give an address.")
    return Medium.of(services().fetcher.fetch(url, MEDIA), name=url.partition("?")[0]), url


def _judge(medium: Medium, *, explain: bool) -> Judged:
    short = replace(medium, max_seconds=services().settings.sync_seconds)
    return services().judge.judge(short, owner=None, explain=explain and medium.kind == "image")


def _preview(medium: Medium, analysis: Analysis) -> Preview | None:
    return preview_of(medium.read(), analysis) if medium.kind == "image" else None


def _curl(name: str, url: str) -> str:
    """What asks the same by our own route."""
    service = f"{request.scheme}://{request.host}/v1/analyze"
    file = shlex.quote(f"media=@{name or 'selfie.jpg'}")
    if url:
        return (
            f"curl -s {shlex.quote(url)} | curl -s -H 'X-Hash-Id: fg_...' -F 'media=@-' {service}"
        )
    return f"curl -s -H 'X-Hash-Id: fg_...' -F {file} {service}"
