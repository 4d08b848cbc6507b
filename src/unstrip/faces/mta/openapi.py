"""How GET is to be used, for programs: an OpenAPI 3.1 description, made of the very types."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec

from unstrip.evidence import to_json
from unstrip.faces.mta.http import JSON
from unstrip.mta.decision import DECISION, MailDecision

_PLACE = "#/components/schemas/{name}"
_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_DOMAIN = {
    "name": "domain",
    "in": "path",
    "required": True,
    "description": "a domain, or a server in brackets: example.org, [mx.example.org]:587",
    "schema": {"type": "string"},
}


def description() -> bytes:
    """Return it as JSON."""
    (kind,), parts = msgspec.json.schema_components([MailDecision], ref_template=_PLACE)
    return to_json(
        {
            "openapi": "3.1.0",
            "info": {"title": "unstrip", "version": version("unstrip")},
            "paths": {
                f"{DECISION}{{domain}}": {"get": _decision(kind)},
                "/healthz": {"get": _health()},
                "/metrics": {"get": _plain("Prometheus metrics", "text/plain")},
                "/openapi.json": {"get": _plain("this description", JSON)},
            },
            "components": {"schemas": {**parts, "Error": _ERROR}},
        }
    )


def _decision(kind: dict[str, Any]) -> dict[str, Any]:
    return {
        "summary": "What should happen to a domain's mail, and what mail servers are told",
        "parameters": [_DOMAIN],
        "responses": {
            "200": _response("found out", kind),
            "400": _response("this is no domain", _error()),
            "503": _response("it could not be found out in time: mail waits", _error()),
        },
    }


def _health() -> dict[str, Any]:
    text = {"type": "string"}
    ails = {"type": "array", "items": text}
    status = {"type": "object", "properties": {"status": text, "ails": ails}}
    return {
        "summary": "Whether what is remembered can be read",
        "responses": {
            "200": _response("it can; what ails it", status),
            "503": _response("why not", _error()),
        },
    }


def _plain(summary: str, content_type: str) -> dict[str, Any]:
    content: dict[str, Any] = {content_type: {}}
    return {"summary": summary, "responses": {"200": {"description": summary, "content": content}}}


def _response(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {JSON: {"schema": schema}}}


def _error() -> dict[str, Any]:
    return {"$ref": _PLACE.format(name="Error")}
