from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from musicond.mqtt import payloads
from musicond.mqtt.entities import ENTITIES, available_entities
from musicond.mqtt.publisher import StatePublisher
from tools.make_mqtt_docs import COMMANDS, OUTCOME, PAGE, SCHEMA, STATES, examples, page, schema

DOCUMENT: dict[str, Any] = json.loads(schema())


def validate(topic: str, text: str) -> None:
    """Validate a payload against the schema of its topic."""
    value = json.loads(text) if topic in payloads.TOPICS else text
    jsonschema.validate(
        {topic: value}, DOCUMENT, jsonschema.Draft202012Validator, format_checker=jsonschema.FormatChecker()
    )


def test_schema_and_page_are_what_the_tool_makes() -> None:
    assert SCHEMA.read_text("utf-8") == schema(), "run: python tools/make_mqtt_docs.py"
    text = PAGE.read_text("utf-8")
    assert text == page(text), "run: python tools/make_mqtt_docs.py"


def test_the_schema_is_valid_and_so_are_the_examples() -> None:
    jsonschema.Draft202012Validator.check_schema(DOCUMENT)
    for topic, payload in examples().items():
        validate(topic, payload.text())
    with pytest.raises(jsonschema.ValidationError):
        validate("state", '{"status": "running"}')
    with pytest.raises(jsonschema.ValidationError):
        validate("mood", "hungry")


def test_every_topic_and_command_of_the_table_is_documented() -> None:
    published = {topic for topic, _ in StatePublisher(ENTITIES, "0").pending(OUTCOME)} | {
        "availability",
        "health",
        "event",
    }
    assert published == STATES.keys() | payloads.TOPICS.keys()
    assert {entity.command_topic for entity in ENTITIES if entity.command_fn} == COMMANDS.keys()


def test_published_payloads_are_valid() -> None:
    for topic, text in StatePublisher(available_entities(()), "0").pending(OUTCOME):
        validate(topic, text)
