"""Find the caller's licence and check that it allows the request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from flask import g, request

from service.api.http.context import services
from service.api.http.signed import note_challenge, note_judged, note_refused
from service.errors import CannotJudge, FeatureNotLicensed, LicenceError
from service.judging.judge import Judged
from service.licensing.grant import Grant
from service.media.medium import Medium
from service.store.base import Feature

CHALLENGE = "Facegate-Challenge"


def credential(given: str | None = None) -> str:
    """The hash_id of this request: from its body, its bearer token, or `X-Hash-Id`.

    Raises LicenceError when there is none.
    """
    hash_id = given or key_in_headers()
    if not hash_id:
        raise LicenceError("No hash_id was given.")
    return hash_id


def key_in_headers() -> str | None:
    """The hash_id, where a header holds it."""
    return bearer_token() or request.headers.get("X-Hash-Id")


def bearer_token() -> str:
    """What follows `Authorization: Bearer`, or nothing. werkzeug's own reading of that header fails
    at a name and password that are no UTF-8."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_first(hash_id: str | None = None, feature: Feature = "detect") -> None:
    """Look at a hash_id that came in the headers before the body is read and taken apart.

    It must be good then, even if the body names another one. Raises the LicenceError family or
    StoreUnavailable.
    """
    if found := hash_id or key_in_headers():
        services().licensing.check(found, feature)


@contextmanager
def licensed(hash_id: str | None, *also: Feature, amount: int = 1) -> Iterator[Grant]:
    """A grant to judge `amount` images, taken back whole when the block fails.

    Raises the LicenceError family or StoreUnavailable.
    """
    here = services().licensing
    grant = here.authorise(credential(hash_id), "detect", amount)
    try:
        if not set(also) <= set(grant.licence.features):
            raise FeatureNotLicensed
        use_challenge(grant)
        yield grant
    except BaseException:
        here.refund(grant)
        raise


def use_challenge(grant: Grant) -> None:
    """Use up the challenge that came with this request. Raises ChallengeError."""
    given = request.headers.get(CHALLENGE)
    services().challenges.use(given, _holder(grant))
    note_challenge(given)


def session_holder() -> str:
    """For whom a challenge is: a licence; where a token of the gateway came, its user as well.

    Raises the LicenceError family, AccountError or StoreUnavailable.
    """
    given = key_in_headers()
    token = bearer_token()
    if token.count(".") == 2:  # a user's token; no hash_id has points
        g.account = services().accounts.user(token).name
        given = request.headers.get("X-Hash-Id") or services().gateway_licence
    return _holder(services().licensing.authorise(credential(given), "detect", 0))


def _holder(grant: Grant) -> str:
    return f"{grant.licence.digest}/{g.get('account', '')}"


def reader() -> Grant:
    """A grant to read one's own results; it costs no quota."""
    return services().licensing.authorise(credential(), "history", 0)


def judge_image(data: bytes, grant: Grant, *, explain: bool = False) -> Judged:
    """Judge what a contract calls an image; whether it is one, its decoder says."""
    return _judge(Medium.of(data, "image"), grant, explain)


def judge_medium(medium: Medium, grant: Grant, *, explain: bool = False) -> Judged:
    """Judge a medium of the kind that its content says, within the request.

    Raises MediaTooLong beyond the seconds that a request may take.
    """
    short = replace(medium, max_seconds=services().settings.sync_seconds)
    return _judge(short, grant, explain)


def _judge(medium: Medium, grant: Grant, explain: bool) -> Judged:
    try:
        judged = services().judge.judge(medium, owner=grant.licence.digest, explain=explain)
    except CannotJudge as error:
        note_refused(medium.sha256, error.code)
        raise
    note_judged(judged.analysis)
    return judged
