"""Small valid payloads, requests and answers that `tools/fuzz.py` damages."""

from __future__ import annotations

from functools import cache
from json import dumps
from typing import Any

from musicond.mqtt.entities import ENTITIES
from musicond.mqtt.parsers import PARSERS
from musicond.web.routes import ACTION_ROUTES, API, COMMAND_ROUTES, RESOURCE_ROUTES

BREAK = b"\n----\n"
"""Separates the answers to the requests of one input."""
LENGTH = b"Content-Length: *"
"""In its place the true length of the body is sent, so that damaged bodies are read."""
MOST_ANSWERS = 60
"""After these a server closes the connections: it gives a list without an end."""
BASE = "musicond/den/"
TOPICS = (
    *(f"{BASE}{topic}" for entity in ENTITIES if entity.command_fn for topic in entity.command_topics),
    "homeassistant/status",
    "homeassistant/device/den/config",
    "musicond/old/availability",
)
ID = "7qiZfU4dY1lWllzX7mPBI3"
URI = f"spotify:track:{ID}"
STREAMS = ("events", "preview")
"""Answers without an end."""
VALUES: dict[str, Any] = {
    "string": URI,
    "number": 30,
    "integer": 1,
    "boolean": True,
    "null": None,
    "object": {"device.name": "Den"},
}


def payloads() -> list[bytes]:
    """Return a topic, flags and a payload for each command, and for what else is received."""
    words = {"mood": "sad", "volume": "30", "sensitivity": "50", "pause": "10", "policy": "lift"}
    numbers = {topic: number for number, topic in enumerate(TOPICS)}
    of_commands = [
        (numbers[f"{BASE}{name}/set"], words.get(name, "on" if name in ("privacy", "autoplay") else "PRESS").encode())
        for name in PARSERS
        if f"{BASE}{name}/set" in numbers
    ]
    track, mood = dumps({"track_id": URI}).encode(), b'{"mood": "sad", "minutes": 30}'
    more = [
        (numbers[f"{BASE}like/set"], track),
        (numbers[f"{BASE}mood/set"], mood),
        (numbers[f"{BASE}pause/set"], b"tomorrow"),
        (numbers["homeassistant/status"], b"online"),
        (numbers["musicond/old/availability"], b"offline"),
    ]
    retained = dumps({"components": {"old": {"platform": "sensor", "unique_id": "x"}}}).encode()
    config = bytes((numbers["homeassistant/device/den/config"], 1)) + retained
    return [config, *(bytes((number, 0x10)) + payload for number, payload in of_commands + more)]


def _example(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """Return a value that a JSON schema allows, as far as its types tell."""
    if "$ref" in schema:
        return _example(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema or "const" in schema:
        return schema.get("const", next(iter(schema.get("enum", ())), None))
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], definitions)
    if "properties" in schema:
        return {name: _example(value, definitions) for name, value in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_example(schema.get("items", {}), definitions)]
    return VALUES.get(schema.get("type", "string"))


def _request(method: str, path: str, body: Any = None) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n".encode()
    if body is None:
        return head + b"\r\n"
    return head + b"Content-Type: application/json\r\n" + LENGTH + b"\r\n\r\n" + dumps(body).encode()


@cache
def requests() -> list[bytes]:
    """Return a request for each resource, command and action of the page, and for some of its files."""
    bodies = [(f"{API}/{route.path}", route.body) for route in COMMAND_ROUTES]
    bodies += [(f"{API}/{route.endpoint}/{route.action}", route.body) for route in ACTION_ROUTES]
    gets = [_request("GET", route.path) for route in RESOURCE_ROUTES if route.name not in STREAMS]
    posts = []
    for path, body in bodies:
        schema = body.json_schema()
        posts.append(_request("POST", path, _example(schema, schema.get("$defs", {}))))
    return [*gets, _request("GET", "/"), _request("HEAD", "/app.js"), *posts]


def _answer(value: Any, status: str = "200 OK", more: str = "") -> bytes:
    lines = (f"HTTP/1.1 {status}", "Content-Type: application/json", f"Connection: close\r\n{more}")
    head = "\r\n".join(lines).encode() + LENGTH + b"\r\n\r\n"
    return head + (b"" if status.startswith("204") else dumps(value).encode())


TOKEN = _answer({"access_token": "a" * 20, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r" * 20})
INFO = _answer({"server_id": "s", "server_version": "2.9.0", "schema_version": 46})


@cache
def spotify() -> list[bytes]:
    """Return answers of Spotify, each after the number of what is asked."""
    image = {"url": "https://i.scdn.co/image/x", "width": 300, "height": 300}
    album = {"name": "Divide", "release_date": "2017-01-06", "images": [image]}
    track = {"name": "Shape", "uri": URI, "artists": [{"name": "Ed"}], "album": album, "duration_ms": 200000}
    track |= {"is_local": False, "is_playable": True, "popularity": 80, "linked_from": {"uri": URI}}
    device = {"id": "d", "name": "Kitchen", "is_active": True, "is_restricted": False, "volume_percent": 40}
    device |= {"supports_volume": True, "type": "Speaker"}
    playback = {"device": device, "is_playing": True, "item": track, "progress_ms": 1000, "shuffle_state": True}
    playback |= {"repeat_state": "context", "context": {"uri": f"spotify:album:{ID}"}}
    entries = {"items": [{"item": track}, {"track": track, "is_local": False}], "next": None, "total": 2}
    lists = {"items": [{"name": "My list", "id": ID, "owner": {"id": "u"}}] * 2, "next": "x"}
    error = {"error": {"status": 403, "message": "Player command failed", "reason": "PREMIUM_REQUIRED"}}
    refused = _answer(error, "403 Forbidden")
    wait = _answer({"error": {"message": "quota"}}, "429 Too Many Requests", "Retry-After: 7\r\n")
    user, nothing, found = {"id": "u", "display_name": "Ann"}, _answer(None, "204 No Content"), {"tracks": entries}
    devices = _answer({"devices": [device, {**device, "name": "Den", "id": "e"}]})
    conversations = (
        (0, [_answer(playback)]),
        (0, [nothing]),
        (0, [wait]),
        (1, [devices, _answer(playback), nothing, nothing, refused, nothing]),
        (1, [devices, _answer(playback), nothing]),
        (2, [devices]),
        (3, [_answer(playback), nothing, _answer(playback), devices, nothing]),
        (4, [_answer(entries)]),
        (5, [_answer(lists), _answer({**lists, "next": None}), _answer(user), _answer(entries)]),
        (6, [_answer(found), _answer({"tracks": {"items": []}})]),
        (7, [_answer(entries)]),
        (7, [_answer({"error": {"message": "x"}}, "404 Not Found")]),
        (8, [TOKEN, TOKEN, _answer(user)]),
        (8, [_answer({"error": "invalid_grant", "error_description": "x"}, "400 Bad Request")]),
        (9, [devices]),
        (10, [_answer({}, "401 Unauthorized"), _answer(user)]),
    )
    return [bytes((number,)) + BREAK.join(answers) for number, answers in conversations]


@cache
def music_assistant() -> list[bytes]:
    """Return answers of Music Assistant, each after the number of what is asked."""
    player = {"player_id": "p", "name": "Kitchen", "type": "player", "available": True, "volume_level": 30}
    player |= {"powered": True, "playback_state": "playing", "group_members": ["p"], "enabled": True, "synced_to": None}
    player |= {"current_media": {"title": "x", "artist": "y", "media_type": "track"}, "extra_attributes": {}}
    mapping = {"item_id": ID, "provider_domain": "spotify", "provider_instance": "spotify--1", "available": True}
    song: dict[str, object] = {"name": "Shape", "uri": f"spotify://track/{ID}", "artists": [{"name": "Ed"}]}
    song |= {"media_type": "track"}
    song |= {"provider_mappings": [mapping], "version": "", "album": {"name": "Divide"}}
    item = {"queue_item_id": "q1", "name": "Ed - Shape", "duration": 200, "media_item": song}
    item |= {"image": {"proxy_id": "abc"}}
    queue = {"queue_id": "p", "active": True, "state": "playing", "current_item": item, "elapsed_time": 3.5}
    queue |= {"elapsed_time_last_updated": 1790000000.0, "playback_speed": 1.0, "shuffle_enabled": True}
    queue |= {"repeat_mode": "all", "dont_stop_the_music_enabled": True}
    empty = {**queue, "current_item": None}
    providers = [{"type": "music", "domain": "spotify", "available": True}]
    done, refused = _answer(None), _answer("no such player", "404 Not Found")
    date = _answer(queue, more="Date: Mon, 30 Nov 2026 12:00:00 GMT\r\n")
    other = [{**item, "queue_item_id": "q2"}]
    start = [_answer(value) for value in (player, providers, None, song, queue, [], None, None, None, None, other)]
    conversations = (
        (0, [_answer(player), date]),
        (0, [_answer(player), _answer(empty)]),
        (0, [_answer(None), _answer([{**player, "player_id": "Kitchen"}]), _answer(queue)]),
        (0, [refused]),
        (1, start),
        (1, [_answer({**player, "synced_to": "q"})]),
        (2, [_answer([player, {**player, "name": "Den"}])]),
        (3, [_answer(player), _answer(queue), done, _answer(player), _answer(queue), _answer(player), done]),
        (4, [_answer(player), _answer(queue), done, done, done, _answer(player), _answer(empty), done]),
        (5, [_answer(player), done, _answer(player), done]),
        (6, [_answer([player])]),
        (7, [INFO, _answer({"token": "s"}), _answer("t" * 20)]),
        (7, [INFO, _answer("wrong", "401 Unauthorized")]),
        (8, [_answer({"server_id": "s", "schema_version": 27}), _answer([player])]),
    )
    return [bytes((number,)) + BREAK.join(answers) for number, answers in conversations]
