"""One operation of the OpenAPI document: what a route takes, answers and refuses.

Each contract has a table of them beside its routes, `{"POST /v1/analyze": Operation(...)}`; a test
holds the tables to the routes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from service.api.http.body import JSON
from service.api.http.schemas import ErrorAnswer, Failure, Json
from service.api.openapi.failures import ErrorClass, failures
from service.errors import FacegateError

BaseModels = tuple[type[BaseModel], ...]
Mode = Literal["validation", "serialization"]
Content = Mapping[str, type[BaseModel] | Json]  # by media type: a model, or a schema
TEXT: Json = {"type": "string"}
BINARY: Json = {"type": "string", "format": "binary"}
OBJECT: Json = {"type": "object"}
# Who may call: nobody in particular, a licence in a header, a user's token.
ANYBODY: Json = {}
KEYED: list[Json] = [{"bearer": []}, {"header": []}]
USER: Json = {"user": []}


@dataclass(frozen=True)
class Reply:
    """An answer that is no failure."""

    description: str
    content: Json = field(default_factory=dict)
    headers: Json = field(default_factory=dict)
    models: BaseModels = ()

    def document(self) -> Json:
        """The response object of OpenAPI."""
        rest = {"content": self.content, "headers": self.headers}
        return {"description": self.description} | {k: v for k, v in rest.items() if v}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a path."""

    id: str
    tag: str
    summary: str
    description: str | None = None
    takes: Content = field(default_factory=dict)
    query: tuple[Json, ...] = ()
    keys: list[Json] | None = None
    gives: Mapping[int, Reply]
    fails: Sequence[ErrorClass] = ()
    failure: type[Failure] = ErrorAnswer

    def models(self) -> set[tuple[type[BaseModel], Mode]]:
        """The models of requests and answers."""
        asked = [one for one in self.takes.values() if isinstance(one, type)]
        given = [one for reply in self.gives.values() for one in reply.models]
        answers: list[tuple[type[BaseModel], Mode]] = [
            (model, "serialization") for model in (*given, self.failure)
        ]
        return {*((model, "validation") for model in asked), *answers}

    def document(self, path: str, values: Mapping[str, object]) -> Json:
        """The operation object of OpenAPI; `values`: of the settings that the description names."""
        about = self.description and self.description.format_map(values)
        parameters = [parameter(name, "path", required=True) for name in names(path)]
        given: Json = {
            "description": about,
            "security": self.keys,
            "parameters": [*parameters, *self.query],
            "requestBody": self.takes and {"required": True, "content": _content(self.takes)},
        }
        return {
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            **{key: value for key, value in given.items() if value},
            "responses": self._responses(),
        }

    def _responses(self) -> Json:
        """Good answers and failures; an unforeseen one may come from any route."""
        good = {str(status): reply.document() for status, reply in self.gives.items()}
        return good | failures([*self.fails, FacegateError], self.failure)


Operations = dict[str, Operation]  # by method and path


def paths(operations: Operations, values: Mapping[str, object]) -> Json:
    """The `paths` of the document."""
    found: dict[str, Json] = defaultdict(dict)
    for route, operation in operations.items():
        method, path = route.split()
        found[path][method.lower()] = operation.document(path, values)
    return dict(found)


def parameter(
    name: str, where: str = "query", schema: Json = TEXT, *, required: bool = False
) -> Json:
    """A parameter of a path or a query."""
    return {"name": name, "in": where, "required": required, "schema": schema}


def reply(
    *models: type[BaseModel],
    says: str = "",
    example: Json | None = None,
    headers: Json | None = None,
) -> Reply:
    """JSON of one of these models, described by the first one unless something is said."""
    refs = [ref(model) for model in models]
    media: Json = {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}}
    if example is not None:
        media["example"] = example
    description = says or (models[0].__doc__ or "").strip()
    return Reply(description, {JSON: media}, headers or {}, models)


def other(description: str, media_type: str = JSON, schema: Json = OBJECT) -> Reply:
    """An answer that no model describes."""
    return Reply(description, {media_type: {"schema": schema}})


def ref(model: type[BaseModel]) -> Json:
    """A reference to the schema of a model."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def names(path: str) -> list[str]:
    """The parameters in a path."""
    return re.findall(r"{(\w+)}", path)


def _content(content: Content) -> Json:
    return {
        kind: {"schema": ref(one) if isinstance(one, type) else one}
        for kind, one in content.items()
    }
