"""The OpenAPI document (3.1), made from the table of routes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from musicond import __version__
from musicond.web.responses import DONE, ERROR, JSON, NOT_DONE, STRING
from musicond.web.routes import ACTION_ROUTES, API, COMMAND_ROUTES, RESOURCE_ROUTES

STATUS_DESCRIPTIONS = {
    400: "What was sent is not what is needed; the sentence says what is.",
    401: "The page opens with its link only.",
    403: "Not by this host name, not from another site, or not from here.",
    404: "There is nothing here.",
    408: "What was to be sent did not arrive in time.",
    409: "This makes no sense now; the sentence says why.",
    413: "Too much was sent.",
    415: "Not sent as JSON.",
    429: "Too many wrong tokens from this address.",
    500: "It could not be stored; the sentence says what to do.",
    502: "A service elsewhere refuses.",
    503: "Too much at once, or not now.",
    504: "Not done yet.",
}
ACCESS_ERRORS = (401, 403, 429)
"""Statuses of the access checks before every route."""
COMMAND_ERRORS = (400, 408, 409, 413, 415, 500, 502, 503, 504)
ACTION_ERRORS = COMMAND_ERRORS
DESCRIPTION = (
    "The API of the page of musicond. It is served on the page's address, and without a token on the control socket. "
    "Where web.token_file is set, send the token as a bearer."
)


def document(endpoints: Collection[str]) -> dict[str, Any]:
    """Return the OpenAPI document of the API, with the actions of these endpoints."""
    paths: dict[str, Any] = {}
    for resource in RESOURCE_ROUTES:
        schema = STRING if resource.response is None else resource.response
        operation = _operation(resource.name, resource.summary, schema, resource.errors, kind=resource.kind)
        paths[resource.path] = {"get": operation}
    for command in COMMAND_ROUTES:
        operation = _operation(command.path.replace("/", "_"), command.summary, DONE, COMMAND_ERRORS)
        if command.for_player:
            operation["responses"]["202"] = {
                "description": "The player has not finished it yet; look at the state in a moment.",
                "content": {JSON: {"schema": NOT_DONE}},
            }
        body = command.body.json_schema(mode="validation")
        paths[f"{API}/{command.path}"] = {"post": operation | _request_body(body)}
    for route in ACTION_ROUTES:
        if route.endpoint in endpoints:
            name = f"{route.endpoint}_{route.action}"
            operation = _operation(name, route.summary, route.response, ACTION_ERRORS, tag=route.endpoint)
            body = route.body.json_schema(mode="validation")
            paths[f"{API}/{route.endpoint}/{route.action}"] = {"post": operation | _request_body(body)}
    bearer = {"type": "http", "scheme": "bearer", "description": "The token of web.token_file."}
    return {
        "openapi": "3.1.0",
        "info": {"title": "musicond", "version": __version__, "description": DESCRIPTION, "license": {"name": "MIT"}},
        "paths": paths,
        "security": [{}, {"token": []}],
        "components": {"schemas": {"Error": ERROR}, "securitySchemes": {"token": bearer}},
    }


def _request_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": _inlined(schema, schema.get("$defs", {}))}}}}


def _operation(
    name: str, summary: str, schema: Mapping[str, Any], errors: Iterable[int], *, kind: str = JSON, tag: str = "page"
) -> dict[str, Any]:
    error = {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}
    responses: dict[str, Any] = {"200": {"description": "Done.", "content": {kind: {"schema": schema}}}}
    for status in sorted({*errors, *ACCESS_ERRORS}):
        responses[str(status)] = {"description": STATUS_DESCRIPTIONS[status], **error}
    return {"operationId": name, "summary": summary, "tags": [tag], "responses": responses}


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema with each reference to `$defs` replaced by its definition."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    # A title that is a text is pydantic's name of a model; one that is a schema is a property of ours.
    dropped = {key for key in ("$defs", "title") if key == "$defs" or isinstance(schema.get(key), str)}
    return {key: _inlined(value, definitions) for key, value in schema.items() if key not in dropped}
