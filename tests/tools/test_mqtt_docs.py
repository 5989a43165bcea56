from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from musicond.mqtt import payloads
from musicond.mqtt.entities import ENTITIES, available_entities
from musicond.mqtt.publisher import StatePublisher
from tools.make_mqtt_docs import COMMANDS, OUTCOME, PAGE, SCHEMA, STATES, examples, page, schema

WHOLE: dict[str, Any] = json.loads(schema())


def holds(topic: str, text: str) -> None:
    """Hold a payload against the schema of its topic."""
    value = json.loads(text) if topic in payloads.TOPICS else text
    jsonschema.validate(
        {topic: value}, WHOLE, jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker()
    )


def test_schema_and_page_are_what_the_tool_makes() -> None:
    assert SCHEMA.read_text("utf-8") == schema(), "run: python tools/make_mqtt_docs.py"
    text = PAGE.read_text("utf-8")
    assert text == page(text), "run: python tools/make_mqtt_docs.py"


def test_the_schema_is_one_and_the_examples_hold() -> None:
    jsonschema.Draft202012Validator.check_schema(WHOLE)
    for topic, payload in examples().items():
        holds(topic, payload.text())
    with pytest.raises(jsonschema.ValidationError):
        holds("state", '{"status": "running"}')
    with pytest.raises(jsonschema.ValidationError):
        holds("mood", "hungry")


def test_every_topic_and_command_of_the_table_is_documented() -> None:
    said = {topic for topic, _ in StatePublisher(ENTITIES, "0").pending(OUTCOME)} | {"availability", "health", "event"}
    assert said == STATES.keys() | payloads.TOPICS.keys()
    assert {thing.command_topic for thing in ENTITIES if thing.command_fn} == COMMANDS.keys()


def test_what_is_said_holds() -> None:
    for topic, text in StatePublisher(available_entities(()), "0").pending(OUTCOME):
        holds(topic, text)
