"""`/history`: earlier requests of the token's user."""

from __future__ import annotations

from flask import Response, request

from service.api.gateway.blueprint import blueprint
from service.api.gateway.caller import known_user
from service.api.gateway.schemas import Deleted, Records
from service.api.gateway.trace import full_record, record
from service.api.http.body import checked
from service.api.http.context import services
from service.api.http.paging import RESULT_ID, Limit, Paging, cursor, place
from service.api.http.reply import json_reply
from service.errors import ResultNotFound
from service.store.accounts import HistoryEntry, User

NOT_FOUND = "Your history has no entry with this id."


class HistoryPaging(Paging):
    """Which page of one's history."""

    limit: Limit = 100


@blueprint.get("/history")
def history() -> Response:
    """One page of what the user asked, newest first."""
    user = known_user()
    page = checked(HistoryPaging, request.args.to_dict(), strict=False)
    before = place(page.cursor) if page.cursor else None
    # One more than asked for tells whether there is a next page.
    found = services().store.list_entries(user.name, page.limit + 1, before)
    shown = found[: page.limit]
    after = cursor(shown[-1]) if len(found) > page.limit else None
    records = [record(entry) for entry in shown]
    return json_reply(Records(limit=page.limit, records=records, next=after))


@blueprint.get("/history/<entry_id>")
def history_entry(entry_id: str) -> Response:
    """One answer of the past, whole."""
    return json_reply(full_record(_entry(known_user(), entry_id)))


@blueprint.delete("/history")
def forget_history() -> Response:
    """Delete all that the user asked."""
    return json_reply(Deleted(deleted=services().store.delete_entries(known_user().name)))


@blueprint.delete("/history/<entry_id>")
def forget_entry(entry_id: str) -> Response:
    """Delete one entry of the user's history."""
    user = known_user()
    gone = services().store.delete_entries(user.name, _entry(user, entry_id).id)
    return json_reply(Deleted(deleted=gone))


def _entry(user: User, entry_id: str) -> HistoryEntry:
    """Raises ResultNotFound; what cannot be an id of ours never reaches a store."""
    if RESULT_ID.fullmatch(entry_id):
        found = services().store.get_entry(user.name, entry_id)
        if found is not None:
            return found
    raise ResultNotFound(NOT_FOUND)
