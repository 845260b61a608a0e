"""Contract 3 in the OpenAPI document."""

from __future__ import annotations

from pydantic import BaseModel

from service.api.gateway import schemas as s
from service.api.openapi.describe import (
    BODY,
    JUDGING,
    LICENCE,
    MEDIA,
    ErrorClass,
    Json,
    about,
    answers,
    body,
    failures,
    json_answer,
    parameter,
    ref,
)
from service.errors import (
    AccountError,
    FacegateError,
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

TAG = "DeepSafe"
REQUESTS: list[type[BaseModel]] = [s.PredictBody, s.Credentials, s.Password, s.NewPassword]
ANSWERS: list[type[BaseModel]] = [
    *(s.Verdict, s.GatewayHealth, s.Token, s.Me, s.Records, s.FullRecord, s.Deleted, s.Done),
    s.GatewayFailure,
]
TOKEN: list[ErrorClass] = [WrongToken, StoreUnavailable]
USER: list[ErrorClass] = [AccountError, *TOKEN]
VERDICT: list[ErrorClass] = [
    *(*BODY, *LICENCE, *TOKEN, *JUDGING, *MEDIA, NoDetectorAnswered),
]
TRYING: list[ErrorClass] = [*BODY, TooManyAttempts, Overloaded, StoreUnavailable]
KEYED: list[Json] = [{"header": []}, {"header": [], "user": []}]
BY_USER: list[Json] = [{"user": []}]
EXAMPLE: Json = {
    "verdict": "fake",
    "confidence_in_verdict": 0.92,
    "ensemble_score_is_fake": 0.92,
    "ensemble_method_used": "average",
    "model_results": {"lite0": {"probability": 0.92, "class": "fake"}},
}


def paths() -> Json:
    """The `paths` of contract 3."""
    return _judging() | _users() | _history()


def _good(model: type[BaseModel], errors: list[ErrorClass], example: Json | None = None) -> Json:
    return {"responses": answers(model, errors, example, s.GatewayFailure)}


def _judging() -> Json:
    options = s.Options.model_json_schema()["properties"] | {"models": {"type": "string"}}
    file = {"type": "string", "format": "binary", "description": "an image file"}
    form = {"type": "object", "required": ["file"], "properties": {"file": file, **options}}
    predict = body({"application/json": {"schema": ref(s.PredictBody)}})
    upload = body({"multipart/form-data": {"schema": form}})
    judged = {"security": [*KEYED, {}]} | _good(s.Verdict, VERDICT, EXAMPLE)
    return {
        "/predict": {
            "post": {**about("predict", TAG, "Judge one image"), "requestBody": predict, **judged}
        },
        "/detect": {
            "post": {**about("detect", TAG, "Judge one upload"), "requestBody": upload, **judged}
        },
        "/health": {
            "get": {
                **about("gatewayHealth", TAG, "Are images judged now, and by which detectors?"),
                "responses": {
                    "200": json_answer("healthy", ref(s.GatewayHealth)),
                    "503": json_answer("unhealthy", ref(s.GatewayHealth)),
                    **failures([FacegateError], s.GatewayFailure),
                },
            }
        },
    }


def _users() -> Json:
    form = body({"application/x-www-form-urlencoded": {"schema": ref(s.Credentials)}})
    register = [*TRYING, *LICENCE, QuotaExceeded, UserExists]
    return {
        "/register": {
            "post": {
                **about("register", TAG, "A new user"),
                "security": [{"header": []}, {}],
                "requestBody": form,
                **_good(s.Token, register),
            }
        },
        "/token": {
            "post": {
                **about("token", TAG, "A token for a name and its password"),
                "requestBody": form,
                **_good(s.Token, [*TRYING, WrongPassword]),
            }
        },
        "/users/me": {
            "get": {
                **about("me", TAG, "The user of the token"),
                "security": BY_USER,
                **_good(s.Me, USER),
            },
            "delete": _proven("deleteUser", "Delete the user, history included", s.Password),
        },
        "/users/me/password": {
            "post": _proven("changePassword", "Another password", s.NewPassword, s.Token)
        },
        "/token/revoke": {
            "post": {
                **about("revokeTokens", TAG, "End every token of the user"),
                "security": BY_USER,
                **_good(s.Done, USER),
            }
        },
    }


def _proven(name: str, what: str, asks: type[BaseModel], gives: type[BaseModel] = s.Done) -> Json:
    return {
        **about(name, TAG, what),
        "security": BY_USER,
        "requestBody": body({"application/x-www-form-urlencoded": {"schema": ref(asks)}}),
        **_good(gives, [*TRYING, *USER, WrongPassword]),
    }


def _history() -> Json:
    limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 100}
    pages = [parameter("limit", "query", limit), parameter("cursor", "query", {"type": "string"})]
    one = {"security": BY_USER, "parameters": [parameter("id", "path", {"type": "string"})]}
    return {
        "/history": {
            "get": {
                **about("listHistory", TAG, "One's own history, newest first"),
                "security": BY_USER,
                "parameters": pages,
                **_good(s.Records, [RequestError, *USER]),
            },
            "delete": {
                **about("forgetHistory", TAG, "Delete one's own history"),
                "security": BY_USER,
                **_good(s.Deleted, USER),
            },
        },
        "/history/{id}": {
            "get": {
                **about("getHistory", TAG, "One answer of the past, whole"),
                **one,
                **_good(s.FullRecord, [ResultNotFound, *USER]),
            },
            "delete": {
                **about("forgetEntry", TAG, "Delete one entry"),
                **one,
                **_good(s.Deleted, [ResultNotFound, *USER]),
            },
        },
    }
