"""The files of examples/ fit the daemon's topics and commands; tests/rig/homeassistant and tests/rig/nodered run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from musicond.core.models import EMOTIONS
from musicond.mqtt.entities import ENTITIES
from musicond.mqtt.payloads import TOPICS, RecommendationAttributes, SongPayload

ROOT = Path(__file__).resolve().parent.parent / "examples"
BLUEPRINTS = sorted(ROOT.glob("homeassistant/*.yaml"))
STATES = {"availability", *TOPICS, *(entity.state_topic for entity in ENTITIES if entity.state_topic)}
PARSERS = {topic: entity.command_fn for entity in ENTITIES if entity.command_fn for topic in entity.command_topics}


class Loader(yaml.SafeLoader):
    """YAML as Home Assistant reads it, with inputs."""


class Input(str):
    """The name of a blueprint's input."""

    __slots__ = ()


Loader.add_constructor("!input", lambda _loader, node: Input(node.value))


def inputs(value: Any) -> set[str]:
    if isinstance(value, Input):
        return {value}
    if isinstance(value, dict | list):
        return {name for item in (value.values() if isinstance(value, dict) else value) for name in inputs(item)}
    return set()


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_loads_and_uses_every_input(path: Path) -> None:
    blueprint = yaml.load(path.read_text("utf-8"), Loader)
    declared = blueprint.pop("blueprint")
    assert declared["domain"] == "automation"
    assert inputs(blueprint) == declared["input"].keys()
    assert blueprint["triggers"]
    assert blueprint["actions"]
    used = set(re.findall(r"(?:track|repeat\.item)\.(\w+)", path.read_text("utf-8")))
    assert used <= SongPayload.model_fields.keys()
    for attribute in re.findall(r"attributes\.get\('(\w+)'", path.read_text("utf-8")):
        assert attribute in RecommendationAttributes.model_fields


def test_every_emotion_has_a_colour() -> None:
    blueprint = yaml.load((ROOT / "homeassistant/lights-by-mood.yaml").read_text("utf-8"), Loader)
    colours = blueprint["blueprint"]["input"]["colours"]["default"]
    assert list(colours) == [*EMOTIONS]
    assert all(len(colour) == 3 and all(0 <= part <= 255 for part in colour) for colour in colours.values())


def test_the_flow_is_complete_and_its_topics_exist() -> None:
    flow = json.loads((ROOT / "node-red/flow.json").read_text("utf-8"))
    nodes = {node["id"]: node for node in flow}
    assert len(nodes) == len(flow)
    for node in flow:
        assert {wire for port in node.get("wires", ()) for wire in port} <= nodes.keys()
        if node["type"] == "mqtt in":
            assert node["topic"].removeprefix("musicond/NODE/") in STATES
        if node["type"] == "inject":
            [[target]] = node["wires"]
            PARSERS[nodes[target]["topic"].removeprefix("musicond/NODE/")](node["payload"])
    [function] = [node["func"] for node in flow if node["type"] == "function"]
    assert set(re.findall(r"track\.(\w+)", function)) <= SongPayload.model_fields.keys()


def test_the_lines_for_mosquitto_name_topics_that_exist(tmp_path: Path) -> None:
    script = ROOT / "mosquitto/musicond.sh"
    for name in ("mosquitto_sub", "mosquitto_pub"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (tmp_path / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "NODE": "den", "BROKER": "b"}
    shell = shutil.which("dash") or "sh"
    words = re.findall(r"^  (\w+)\)", script.read_text("utf-8"), re.MULTILINE)
    assert len(words) >= 9
    for word in words:
        output = subprocess.run([shell, str(script), word], env=env, capture_output=True, text=True, check=True).stdout
        options = output.splitlines()
        topic = options[options.index("-t") + 1].removeprefix("musicond/den/")
        if "-m" in options:
            PARSERS[topic](options[options.index("-m") + 1])
        else:
            assert topic in {*STATES, "#"}
    without = subprocess.run([shell, str(script), "like"], env={**env, "NODE": "+"}, capture_output=True, check=False)
    assert without.returncode == 2
