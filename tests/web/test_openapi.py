"""The OpenAPI document: valid, complete, and true of the responses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from musicond.core.models import Mood, Watching
from musicond.core.mood.bias import Bias
from musicond.core.outcome import (
    Account,
    CalibrationProgress,
    Explanation,
    Novelty,
    Playback,
    PlayState,
    Recommendation,
    Strategy,
)
from musicond.core.settings import Settings
from musicond.web import responses
from musicond.web.openapi import document
from musicond.web.responses import STATE
from musicond.web.routes import ACTION_ROUTES, COMMAND_ROUTES, RESOURCE_ROUTES
from tests.web.conftest import HAPPY, NOON, SONGS, Server, good_health, without_face
from tests.web.full_server import FullServer, full_server
from tests.web.test_api import ask

if TYPE_CHECKING:
    from musicond.core.outcome import Outcome

__all__ = ["full_server"]


CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
ELSEWHERE = {"POST /api/v1/music-assistant/login": [not_a_server_error]}
"""Operations that ask another server: its failure is a 502, which the document names."""
HURRY = settings(
    max_examples=15,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ENDPOINTS = {route.endpoint for route in ACTION_ROUTES}
FULL = Playback(
    "spotify",
    state=PlayState.PLAYING,
    ours=True,
    track=SONGS[0],
    device="kitchen",
    volume=40,
    account=Account(signed_in=True, user="me", days_left=3),
)
LIFTED = Recommendation(
    Mood.SAD, SONGS, "", NOON, Explanation(Strategy.LIFT, Novelty.NEW, first=1, last=3), affects={"t:1": (-0.5, 0.2)}
)


def test_the_document_is_valid_and_names_every_address() -> None:
    openapi = document(ENDPOINTS)
    validate(openapi)
    assert len(openapi["paths"]) == len(RESOURCE_ROUTES) + len(COMMAND_ROUTES) + len(ACTION_ROUTES)
    names = [operation["operationId"] for path in openapi["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_it_is_served_as_it_is_made(server: Server) -> None:
    status, content, _ = ask(server, "GET", "/api/v1/openapi.json")
    assert (status, content) == (200, json.loads(json.dumps(document({}))))
    assert not [path for path in content["paths"] if path.startswith("/api/v1/catalogue")], "only what there is"


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        HAPPY,
        without_face(Watching.PRIVATE, settings=Settings(private=True, paused=True, bias=Bias((0.1,) * 7))),
        replace(HAPPY, recommendation=LIFTED),
        replace(HAPPY, playback=FULL, calibration=CalibrationProgress(0.5, "nobody there"), notice="disk full"),
    ],
)
def test_the_state_is_as_described(outcome: Outcome | None) -> None:
    content = json.loads(responses.to_json(responses.state_json(outcome, good_health())))
    jsonschema.Draft202012Validator(STATE).validate(content)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_that_is_described_and_none_that_is_not_meets_a_bug(
    full_server: FullServer, mode: GenerationMode
) -> None:
    """No 500, and no answer of a status or form that the document does not name."""
    openapi = full_server.document()
    for path in ("/api/v1/events", "/api/v1/preview"):  # they do not end by themselves
        del openapi["paths"][path]
    schema = schemathesis.openapi.from_dict(openapi)
    schema.config.base_url = full_server.output.address
    sent: set[str] = set()
    for result in schema.get_all_operations():
        full_server.output.accept(HAPPY)  # or /healthz takes the watch loop for stuck on a slow machine
        operation: Any = result.ok()  # type: ignore[union-attr]  # an error fails the test
        if mode is GenerationMode.NEGATIVE and not operation.body:
            continue

        @settings(HURRY)
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            case.call_and_validate(checks=CHECKS, excluded_checks=ELSEWHERE.get(case.operation.label, []))
            sent.add(case.operation.label)

        send()
    assert len(sent) == sum(
        mode is GenerationMode.POSITIVE or "requestBody" in operation
        for path in openapi["paths"].values()
        for operation in path.values()
    )
