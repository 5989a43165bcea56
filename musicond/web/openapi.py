"""The OpenAPI document (3.1), made from the table of routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from musicond import __version__
from musicond.web.responses import DONE, ERROR, JSON
from musicond.web.routes import ACTION_ROUTES, API, COMMAND_ROUTES, RESOURCE_ROUTES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from musicond.web.routes import ActionRoute, CommandRoute, ResourceRoute

SAYS = {
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
GUARD = (401, 403, 429)
"""What the guard before every address may answer."""
ORDERED = (400, 408, 409, 413, 415, 500, 503, 504)
ASKED = (*ORDERED, 502)
ABOUT = (
    "The API of the page of musicond. It is served on the page's address, and without a token on the control socket. "
    "Where web.token_file is set, send the token as a bearer."
)


def document(desks: Collection[str]) -> dict[str, Any]:
    """Return the description of what is served, with the actions of these desks."""
    paths: dict[str, Any] = {look.path: {"get": _look(look)} for look in RESOURCE_ROUTES}
    paths |= {f"{API}/{order.path}": {"post": _order(order)} for order in COMMAND_ROUTES}
    paths |= {
        f"{API}/{each.desk}/{each.action}": {"post": _errand(each)} for each in ACTION_ROUTES if each.desk in desks
    }
    bearer = {"type": "http", "scheme": "bearer", "description": "The token of web.token_file."}
    return {
        "openapi": "3.1.0",
        "info": {"title": "musicond", "version": __version__, "description": ABOUT, "license": {"name": "MIT"}},
        "paths": paths,
        "security": [{}, {"token": []}],
        "components": {"schemas": {"Error": ERROR}, "securitySchemes": {"token": bearer}},
    }


def _look(look: ResourceRoute) -> dict[str, Any]:
    schema = look.answer if look.answer is not None else {"type": "string"}
    return _operation(look.name, look.summary, look.kind, schema, (*look.faults, *GUARD))


def _order(order: CommandRoute) -> dict[str, Any]:
    made = _operation(order.path.replace("/", "_"), order.summary, JSON, DONE, (*ORDERED, *GUARD))
    return made | _sends(order.body.json_schema(mode="validation"))


def _errand(errand: ActionRoute) -> dict[str, Any]:
    made = _operation(
        f"{errand.desk}_{errand.action}", errand.summary, JSON, errand.answer, (*ASKED, *GUARD), errand.desk
    )
    return made | _sends(errand.takes)


def _sends(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": _inlined(schema, schema.get("$defs", {}))}}}}


def _operation(
    name: str, summary: str, kind: str, schema: Mapping[str, Any], faults: Iterable[int], tag: str = "page"
) -> dict[str, Any]:
    fault = {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}
    answers: dict[str, Any] = {"200": {"description": "Done.", "content": {kind: {"schema": schema}}}}
    answers |= {str(status): {"description": SAYS[status], **fault} for status in sorted(set(faults))}
    return {"operationId": name, "summary": summary, "tags": [tag], "responses": answers}


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """Return a schema with what it refers to in `$defs` put in its place."""
    if isinstance(schema, list):
        return [_inlined(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
    # A title that is a text is pydantic's name of a model; one that is a schema is a property of ours.
    named = {key for key in ("$defs", "title") if key == "$defs" or isinstance(schema.get(key), str)}
    return {key: _inlined(value, parts) for key, value in schema.items() if key not in named}
