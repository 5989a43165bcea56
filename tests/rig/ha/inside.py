"""Runs the real Home Assistant inside the system that ha/make made, controlled by JSON lines on its standard input.

inside.py CONFIG_FOLDER BROKER_PORT. The broker is added by MQTT's own form, as a person does it. Each request is a line
{"do": "states" | "call" | "wait" | "log" | "stop", ...} and is answered by one line of JSON. Music Assistant is added by
its form, too. Known to work with 2026.11.
"""

import asyncio
import json
import logging
import sys
from typing import Any

sys.path.append(sys.argv[1])  # what ha/picture.py adds

from homeassistant import bootstrap, runner
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import __version__
from homeassistant.helpers import device_registry, entity_registry, issue_registry
from homeassistant.helpers.entity_platform import async_get_platforms

ANSWERS = sys.stdout
sys.stdout = sys.stderr

SERVICES = ("light.turn_on", "media_player.play_media", "notify.send_message")
STATES = {"light.desk": "on", "light.dark": "off", "media_player.busy": "playing"}
"""States of entities that automations use and no integration provides."""
FORM = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}


class Warnings(logging.Handler):
    """Keeps records from WARNING on, and those at INFO about a state that fits no payload."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "Skipping pip installation" in text:  # an effect of this rig
            return
        if not record.name.startswith("homeassistant"):  # aiohttp suggests faster packages
            return
        if record.levelno >= logging.WARNING or text.startswith("No matching payload"):
            error = f" [{record.exc_info[1]!r}]" if record.exc_info else ""
            self.lines.append(f"{record.levelname} {record.name}: {text}{error}")


class Rig:
    """Answers the requests."""

    def __init__(self, hass: Any, warnings: Warnings) -> None:
        self.hass, self.warnings = hass, warnings
        self.calls: list[dict[str, Any]] = []
        for service in SERVICES:
            hass.services.async_register(*service.split("."), self._record)

    async def _record(self, call: Any) -> None:
        self.calls.append({"service": f"{call.domain}.{call.service}", "data": dict(call.data)})

    async def add_broker(self, port: int) -> None:
        """Add the broker by the form, unless it is there after a restart."""
        entries = self.hass.config_entries.async_entries("mqtt")
        if entries:  # a restart
            self.entry = entries[0]
        else:
            flow = await self.hass.config_entries.flow.async_init("mqtt", context={"source": "user"})
            answers = {"broker": "127.0.0.1", "port": port}
            if "other_settings" in map(str, flow["data_schema"].schema):
                answers["other_settings"] = FORM
            flow = await self.hass.config_entries.flow.async_configure(flow["flow_id"], answers)
            self.entry = flow["result"]
        assert self.entry.state is ConfigEntryState.LOADED, self.entry.reason

    def states(self, _: Any) -> dict[str, Any]:
        """Return all entities with their states and ignored discovery options, the devices and the repair issues."""
        live = {eid: e for platform in async_get_platforms(self.hass, "mqtt") for eid, e in platform.entities.items()}
        registered = entity_registry.async_entries_for_config_entry(
            entity_registry.async_get(self.hass), self.entry.entry_id
        )
        entities = {}
        for entry in registered:
            state, entity = self.hass.states.get(entry.entity_id), live.get(entry.entity_id)
            discovered = (getattr(entity, "_discovery_data", None) or {}).get("discovery_payload") or {}
            entities[entry.entity_id] = {
                "unique_id": entry.unique_id,
                "state": state.state if state else None,
                "attributes": dict(state.attributes) if state else {},
                "disabled": entry.disabled_by is not None,
                "category": entry.entity_category,
                "dropped": sorted(set(discovered) - set(entity._config)) if entity else [],
            }
        devices = device_registry.async_entries_for_config_entry(
            device_registry.async_get(self.hass), self.entry.entry_id
        )
        issues = [
            i.issue_id for i in issue_registry.async_get(self.hass).issues.values() if i.active and i.domain == "mqtt"
        ]
        return {
            "entities": entities,
            "devices": [[d.name, d.manufacturer, d.model, d.sw_version] for d in devices],
            "issues": issues,
        }

    async def add_music_assistant(self, request: dict[str, Any]) -> dict[str, Any]:
        """Add a server by its forms, with each of `tokens` in turn; return the steps and errors, and the entry's state."""
        flow = await self.hass.config_entries.flow.async_init("music_assistant", context={"source": "user"})
        steps: list[Any] = []
        for answers in ({"url": request["url"]}, *({"token": token} for token in request["tokens"])):
            steps.append([flow.get("step_id"), flow.get("errors") or {}])
            flow = await self.hass.config_entries.flow.async_configure(flow["flow_id"], answers)
        await self.hass.async_block_till_done()
        entry = flow.get("result")
        return {"type": str(flow["type"]), "steps": steps, "state": str(entry.state) if entry else None}

    async def remove_music_assistant(self, _: Any) -> dict[str, Any]:
        for entry in self.hass.config_entries.async_entries("music_assistant"):
            await self.hass.config_entries.async_remove(entry.entry_id)
        return {}

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the state and the attributes of any entity."""
        state = self.hass.states.get(request["entity"])
        return {"state": state.state, "attributes": dict(state.attributes)} if state else {"state": None}

    def done(self, _: Any) -> dict[str, Any]:
        """Return the service calls of the automations."""
        return {"calls": self.calls}

    async def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call a service and wait until it is complete; return its response if one is wanted."""
        domain, _, service = request["service"].partition(".")
        response = await self.hass.services.async_call(
            domain, service, request.get("data", {}), blocking=True, return_response=request.get("response", False)
        )
        return {"response": response}

    async def wait(self, request: dict[str, Any]) -> dict[str, Any]:
        """Wait until an entity has (`state`), or no longer has (`not`), a state."""
        for _ in range(int(request.get("seconds", 10) * 20)):
            state = self.hass.states.get(request["entity"])
            value = state.state if state else None
            if value == request["state"] if "state" in request else value not in (None, request["not"]):
                return {"state": value}
            await asyncio.sleep(0.05)
        raise TimeoutError(f"{request['entity']} is {value}, expected: {request}")

    def log(self, _: Any) -> dict[str, Any]:
        lines, self.warnings.lines = self.warnings.lines, []
        return {"lines": lines}

    def version(self, _: Any) -> dict[str, Any]:
        return {"home_assistant": __version__, "python": sys.version.split()[0]}


async def run(folder: str, port: int) -> None:
    """Start, then answer requests until `stop`."""
    # No frontend, backup and the like: only what configuration.yaml and the form ask for.
    bootstrap.DEFAULT_INTEGRATIONS, bootstrap.CRITICAL_INTEGRATIONS = set(), set()
    hass = await bootstrap.async_setup_hass(runner.RuntimeConfig(config_dir=folder, skip_pip=True))
    assert hass, "Home Assistant did not start"
    warnings = Warnings()
    logging.getLogger().addHandler(warnings)
    await hass.async_start()
    rig = Rig(hass, warnings)
    for entity, state in STATES.items():
        hass.states.async_set(entity, state)
    await rig.add_broker(port)
    requests = asyncio.StreamReader()
    await hass.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    while (line := await requests.readline()) and (request := json.loads(line))["do"] != "stop":
        try:
            answer = getattr(rig, request["do"])(request)
            answer = await answer if asyncio.iscoroutine(answer) else answer
        except Exception as exc:
            answer = {"error": f"{type(exc).__name__}: {exc}"}
        print(json.dumps(answer, default=str), file=ANSWERS, flush=True)
    await hass.async_stop()


asyncio.run(run(sys.argv[1], int(sys.argv[2])))
