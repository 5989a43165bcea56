"""Validation of requests and answers against Spotify's OpenAPI description, by openapi-core."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import yaml
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

if TYPE_CHECKING:
    from pathlib import Path

HOST = "https://api.spotify.com"


class Spec:
    """Returns the error of a request or a response in one sentence; None for a valid one."""

    def __init__(self, path: Path) -> None:
        self._document: dict[str, Any] = yaml.load(path.read_bytes(), yaml.CSafeLoader)
        _without_discriminators(self._document)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it can't check OAuth 2: the fake does that
            self._api = OpenAPI.from_dict(self._document)

    def request_fault(self, method: str, path: str, query: dict[str, str], body: bytes) -> str | None:
        """Check a request; `path` begins with /v1. What the description calls deprecated was removed for new apps."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._api.validate_request(self._request(method, path, query, body))
        except OpenAPIError as fault:
            return f"{fault} {fault.__cause__ or ''}"
        operation = self._operation(method, path)
        known = {self._resolved(parameter)["name"] for parameter in operation.get("parameters", ())}
        if unknown := query.keys() - known:
            return f"unknown parameters: {', '.join(sorted(unknown))}"
        return "deprecated" if operation.get("deprecated") else None

    def answer_fault(self, method: str, path: str, query: dict[str, str], status: int, body: bytes) -> str | None:
        """Check an answer. Errors that the description leaves out (404, 5xx) happen all the same."""
        declared = self._operation(method, path)["responses"]
        if str(status) not in declared:
            return None if status >= 400 else f"no answer {status} is described"
        if status == 204:
            return None if not body else "204 with a body"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer = MockResponse(data=body, status_code=status, content_type="application/json")
                self._api.validate_response(self._request(method, path, query, b""), answer)
        except OpenAPIError as fault:
            return f"{fault} {fault.__cause__ or ''}"
        return None

    def _request(self, method: str, path: str, query: dict[str, str], body: bytes) -> MockRequest:
        return MockRequest(
            HOST,
            method.lower(),
            path,
            args=dict(query),
            headers={"Authorization": "Bearer ..."},
            data=body or None,
            content_type="application/json",
        )

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        parts = path.removeprefix("/v1").split("/")
        for template, operations in self._document["paths"].items():
            names = template.split("/")
            same = len(names) == len(parts) and all(
                name == part or (name.startswith("{") and part) for name, part in zip(names, parts, strict=True)
            )
            if same and method.lower() in operations:
                return dict(operations[method.lower()])
        raise AssertionError(f"{method} {path} is not described")

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in schema:
            return schema
        node: Any = self._document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        return dict(node)


def _without_discriminators(node: Any) -> None:
    """Leave out what only speeds up the choice of a schema: the description's name schemas that it does not have."""
    if isinstance(node, dict):
        node.pop("discriminator", None)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _without_discriminators(child)
