"""Licences: list, issue, revoke. For administrators."""

from __future__ import annotations

import time

from flask import request
from pydantic import ValidationError
from werkzeug.wrappers import Response

from service.api.http.context import services
from service.errors import RequestError
from service.licensing import windows
from service.licensing.build import vendor_only
from service.store.base import FEATURES, Feature, LicenceRecord
from service.web import acts, guard
from service.web.pages import done, door, page

blueprint = guard.room("licences", "administrator", "/licences")
door("licences.listing", "administrator", "nav.licences")
DAY = 86400


@blueprint.get("/")
def listing() -> str:
    """All licences with their use, and the form for one more."""
    return _page()


@blueprint.post("/")
def issue() -> str:
    """A new licence; its hash_id is shown this once."""
    if vendor_only():
        raise RequestError("This build honours licences that its vendor has signed, and no others.")
    days = _whole("days")
    expires = None if days is None else time.time() + days * DAY
    try:
        name, quota = request.form.get("name", ""), (_whole("per_day"), _whole("per_month"))
        hash_id, licence = services().licensing.issue(name, expires, *quota, _features())
    except ValidationError as error:
        field = error.errors()[0]["loc"][0]
        raise RequestError(f"The field {field} is wrong or missing.") from None
    acts.note("licence issued", licence=licence.digest)
    return _page(hash_id=hash_id, issued=licence.name)


@blueprint.post("/<digest>/revoke")
def revoke(digest: str) -> Response:
    """Refuse a licence from now on."""
    licence = services().licensing.revoke(digest)
    acts.note("licence revoked", licence=licence.digest)
    return done("licences.listing", "revoked")


def _page(**more: object) -> str:
    now = time.time()
    rows = [(one, _state(one, now), _use(one, now)) for one in services().store.list_licences()]
    return page("licences.html", rows=rows, features=FEATURES, vendor=vendor_only(), **more)


def _state(licence: LicenceRecord, now: float) -> str:
    if licence.revoked_at is not None:
        return "revoked"
    ended = licence.expires_at is not None and licence.expires_at <= now
    return "expired" if ended else "valid"


def _use(licence: LicenceRecord, now: float) -> list[tuple[int, int]]:
    """Used and allowed, of the windows that have a limit: day, then month."""
    counted = windows.counters(licence, now)
    return [(services().store.usage(one.key), one.limit or 0) for one in counted]


def _whole(name: str) -> int | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) < 10**8:
        raise RequestError(f"The field {name} is wrong: it is no whole number above 0.")
    return int(text)


def _features() -> tuple[Feature, ...]:
    given = request.form.getlist("feature")
    return tuple(one for one in FEATURES if one in given)
