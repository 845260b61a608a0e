"""Contract 3 in the OpenAPI document."""

from __future__ import annotations

from functools import partial

from service.api.gateway import schemas as s
from service.api.http.body import FORM, JSON, URLENCODED
from service.api.http.schemas import Json
from service.api.openapi.failures import BODY, JUDGING, LICENCE, MEDIA, ErrorClass
from service.api.openapi.operation import (
    ANYBODY,
    BINARY,
    USER,
    Operation,
    Operations,
    parameter,
    reply,
)
from service.errors import (
    AccountError,
    NoDetectorAnswered,
    Overloaded,
    QuotaExceeded,
    RequestError,
    ResultNotFound,
    StoreUnavailable,
    TooManyAttempts,
    UserExists,
    WrongPassword,
    WrongToken,
)

TOKEN: list[ErrorClass] = [WrongToken, StoreUnavailable]
BY_TOKEN: list[ErrorClass] = [AccountError, *TOKEN]
VERDICT: list[ErrorClass] = [
    *(*BODY, *LICENCE, *TOKEN, *JUDGING, *MEDIA, NoDetectorAnswered),
]
TRYING: list[ErrorClass] = [*BODY, TooManyAttempts, Overloaded, StoreUnavailable]
LICENSED: Json = {"header": []}
EXAMPLE: Json = {
    "verdict": "fake",
    "confidence_in_verdict": 0.92,
    "ensemble_score_is_fake": 0.92,
    "ensemble_method_used": "average",
    "model_results": {"lite0": {"probability": 0.92, "class": "fake"}},
}
UPLOAD: Json = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": BINARY | {"description": "an image file"},
        **s.PredictOptions.model_json_schema()["properties"],
        "models": {"type": "string"},
    },
}
LIMIT: Json = {"type": "integer", "minimum": 1, "maximum": 100, "default": 100}

_open = partial(Operation, tag="DeepSafe", failure=s.GatewayFailure)
_judged = partial(
    _open,
    keys=[LICENSED, LICENSED | USER, ANYBODY],
    gives={200: reply(s.Verdict, example=EXAMPLE)},
    fails=VERDICT,
)
_of_user = partial(_open, keys=[USER])

JUDGING_IMAGES: Operations = {
    "POST /predict": _judged(id="predict", summary="Judge one image", takes={JSON: s.PredictBody}),
    "POST /detect": _judged(id="detect", summary="Judge one upload", takes={FORM: UPLOAD}),
    "GET /health": _open(
        id="gatewayHealth",
        summary="Are images judged now, and by which detectors?",
        gives={
            200: reply(s.GatewayHealth, says="healthy"),
            503: reply(s.GatewayHealth, says="unhealthy"),
        },
    ),
}
USERS: Operations = {
    "POST /register": _open(
        id="register",
        summary="A new user",
        keys=[LICENSED, ANYBODY],
        takes={URLENCODED: s.Credentials},
        gives={200: reply(s.Token)},
        fails=[*TRYING, *LICENCE, QuotaExceeded, UserExists],
    ),
    "POST /token": _open(
        id="token",
        summary="A token for a name and its password",
        takes={URLENCODED: s.Credentials},
        gives={200: reply(s.Token)},
        fails=[*TRYING, WrongPassword],
    ),
    "GET /users/me": _of_user(
        id="me", summary="The user of the token", gives={200: reply(s.Me)}, fails=BY_TOKEN
    ),
    "DELETE /users/me": _of_user(
        id="deleteUser",
        summary="Delete the user, history included",
        takes={URLENCODED: s.Password},
        gives={200: reply(s.Done)},
        fails=[*TRYING, *BY_TOKEN, WrongPassword],
    ),
    "POST /users/me/password": _of_user(
        id="changePassword",
        summary="Another password",
        takes={URLENCODED: s.NewPassword},
        gives={200: reply(s.Token)},
        fails=[*TRYING, *BY_TOKEN, WrongPassword],
    ),
    "POST /token/revoke": _of_user(
        id="revokeTokens",
        summary="End every token of the user",
        gives={200: reply(s.Done)},
        fails=BY_TOKEN,
    ),
}
HISTORY: Operations = {
    "GET /history": _of_user(
        id="listHistory",
        summary="One's own history, newest first",
        query=(parameter("limit", schema=LIMIT), parameter("cursor")),
        gives={200: reply(s.Records)},
        fails=[RequestError, *BY_TOKEN],
    ),
    "DELETE /history": _of_user(
        id="forgetHistory",
        summary="Delete one's own history",
        gives={200: reply(s.Deleted)},
        fails=BY_TOKEN,
    ),
    "GET /history/{id}": _of_user(
        id="getHistory",
        summary="One answer of the past, whole",
        gives={200: reply(s.FullRecord)},
        fails=[ResultNotFound, *BY_TOKEN],
    ),
    "DELETE /history/{id}": _of_user(
        id="forgetEntry",
        summary="Delete one entry",
        gives={200: reply(s.Deleted)},
        fails=[ResultNotFound, *BY_TOKEN],
    ),
}
OPERATIONS: Operations = {**JUDGING_IMAGES, **USERS, **HISTORY}
