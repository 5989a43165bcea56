"""The check of the camera of `musicond doctor`: by the daemon that has it open, else by the devices themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicond.commands.checks import Result, check, one_line
from musicond.commands.terminal import percent
from musicond.config.camera_url import is_url
from musicond.core.models import NO_CAMERA_YET
from musicond.errors import Connecting, MusicondError

if TYPE_CHECKING:  # the doctor runs without pydantic
    from musicond.config.schema import Config

PI_CAMERA = "for a Pi camera, on Raspberry Pi OS: sudo apt install --no-install-recommends python3-picamera2"
Access = Callable[[Path, int], bool]
CAPTURE_S = 3.0
IN_NETWORK = "network camera "
"""Beginning of the name of a camera in the network."""
TURNED = "faces are found only in a turned picture: it hangs upside down or on its side"
NETWORK_REMEDY = "see docs/camera.md, cameras in the network"


@check("camera")
def check_open_camera(state: Mapping[str, Any]) -> Result:
    """Check the camera that the running daemon has, by the state of its API."""
    health, watching = state["health"], state["watching"]
    in_network = str(health.get("camera")).startswith(IN_NETWORK)
    name = "" if health.get("camera") == NO_CAMERA_YET else f"{health.get('camera')}: "
    if watching == "private":
        return "ok", f"{name}closed, because privacy is on"
    if watching == "no_camera" or health.get("trouble"):
        trouble = health.get("trouble") or "not opened yet"
        return (
            "failed",
            f"{name}{trouble}",
            NETWORK_REMEDY if in_network else "check its cable; see journalctl -u musicond",
        )
    if (rotation := health.get("rotation_hint")) is not None:
        return "warning", f"{name}{TURNED}", f"set camera.rotation: {rotation}, then restart musicond"
    summary = seen(health["camera"], health.get("width_seen"), health.get("reach_m"))
    skipped = {"broken": health.get("bad_frames"), "missing": health.get("missing_frames")}
    if counts := [f"{count} {kind}" for kind, count in skipped.items() if count]:
        return (
            "warning",
            f"{summary}; pictures since the start: {', '.join(counts)}",
            f"check its {'network' if in_network else 'cable'} and its power",
        )
    return "ok", summary


@check("camera")
def check_camera(config: Config, access: Access = os.access) -> Result:
    """Check the camera of `camera.source` while no daemon has it open.

    `access` returns whether the user who runs the daemon may do something with a path, as `os.access` does.
    """
    if is_url(config.camera.source):
        return _check_network_camera(config)
    kind, _, rest = config.camera.source.partition(":")
    kinds: dict[str, Callable[[], Result]] = {
        "demo": lambda: ("ok", "demo: none needed"),
        "file": lambda: _check_recording(Path(rest), access),
        "pi": lambda: _check_pi_camera(config),
        "v4l2": lambda: _check_webcam(_nodes(rest), access),
        "auto": lambda: _first_good(_check_pi_camera(config), _check_webcam(_nodes(""), access)),
    }
    return kinds[kind]()


def _first_good(*results: Result) -> Result:
    for result in results:
        if result[0] == "ok":
            return result
    _, found, remedies = zip(*results, strict=True)
    return "failed", "; ".join(found), " | or: ".join(remedies)


def seen(camera: str, width_seen: float | None, reach_m: float | None) -> str:
    """Return the name of a camera with the share of its width that it sees, and with its reach."""
    width = [] if width_seen is None else [f"sees {percent(width_seen)} of its width"]
    reach = [] if reach_m is None else [f"finds a face up to about {reach_m:g} m away"]
    return ", ".join([camera, *width, *reach])


def _check_recording(path: Path, access: Access) -> Result:
    from musicond.capture.recorded import display_name, open_clip

    if not access(path, os.R_OK):
        remedy = "give a clip or a folder of images in camera.source: file:PATH"
        return "failed", f"{display_name(path)} can't be read", remedy
    try:
        recording = open_clip(path)
        next(recording.frames(), None)
    except MusicondError as error:
        return "failed", one_line(error), "give another one in camera.source"
    return "ok", recording.name


def _check_pi_camera(config: Config) -> Result:
    """Configure the camera, which takes no picture, and close it."""
    from musicond.app.pipeline import pi_camera
    from musicond.vision.reach import rounded_reach_m

    camera = pi_camera(config)
    try:
        camera.configure()
        status = camera.get_status()
        return "ok", seen(camera.name, status.width_seen, rounded_reach_m(status.vertical_deg, config.faces.min_size))
    except MusicondError as error:
        text = one_line(error)
        remedy = PI_CAMERA if "picamera2" in text else "restart, and try: rpicam-hello --list-cameras"
        return "failed", text, remedy
    finally:
        camera.close()


def _check_network_camera(config: Config) -> Result:
    """Connect, take one picture, and close the connection."""
    from musicond.app.pipeline import build_source

    camera = build_source(config)
    try:
        camera.open()
        while True:
            try:
                height, width = camera.capture(CAPTURE_S).grey.shape
            except Connecting:
                continue
            return "ok", f"{camera.name}, {width} x {height}"
    except MusicondError as error:
        return "failed", f"{camera.name}: {one_line(error)}", NETWORK_REMEDY
    finally:
        camera.close()


def _nodes(device: str) -> Sequence[Path]:
    from musicond.capture.video_nodes import cameras

    return [Path(device)] if device else cameras()


def _check_webcam(nodes: Sequence[Path], access: Access) -> Result:
    from musicond.capture.video_nodes import query

    present = [node for node in nodes if access(node, os.F_OK)]
    if not present:
        summary = f"no {nodes[0]}" if nodes else "no /dev/video* is a camera"
        return "failed", summary, "plug a USB webcam in, or set camera.source: demo to try without"
    usable = [node for node in present if access(node, os.R_OK | os.W_OK)]
    if not usable:
        mine = access is os.access
        remedy = (
            "sudo usermod -aG video $USER, then sign in again"
            if mine
            else "the service needs the group video; install musicond again"
        )
        return "failed", f"{present[0]} may not be opened by {'this user' if mine else 'the service'}", remedy
    try:
        node = query(usable[0])
    except OSError:  # the service may open it, this user may not
        return "ok", f"video device {usable[0]}"
    if node is None or not node.is_camera:
        summary = f"{usable[0]} is no camera ({node.card if node else 'not a video device'})"
        return "failed", summary, "name a camera in camera.source; see v4l2-ctl --list-devices"
    return "ok", f"{node.card} at {usable[0]}"
