"""Draws the example dashboard in the real Home Assistant: python -m tests.rig.ha.picture SYSTEM_FOLDER PICTURE

The daemon runs its demo with Spotify's double, a real mosquitto is between them, and Chromium takes the picture. Needs
root, for the mounts of the system that ha/make made, and downloads Home Assistant's pages (120 MB) by pip.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.mqtt.conftest import Broker, free_port
from tests.rig.ha.home import HomeAssistant
from tests.rig.ha.player import LIST, SPOTIFY, WithSpotify
from tests.spotify.fake_spotify import FakeSpotify, playlist_entries

ROOT = Path(__file__).resolve().parents[3]
DASHBOARD = ROOT / "examples/homeassistant-dashboard/musicond.yaml"
CONFIGURATION = """
homeassistant:
  name: Home
  unit_system: metric
  time_zone: UTC
  auth_providers: [{{type: trusted_networks, trusted_networks: [127.0.0.1], allow_bypass_login: true}}]
http: {{server_host: 127.0.0.1, server_port: {port}}}
frontend:
lovelace: {{mode: yaml}}
automation: []
"""
SONGS = ("Morning Ferry", "Paper Lanterns", "Corner Café", "Bicycle Weather", "Saturday Market", "Lemon Tree Road")
USER, GROUP = "0" * 32, "system-admin"
STORED = {
    "onboarding": (4, {"done": ["user", "core_config", "analytics", "integration"]}),
    "auth": (
        1,
        {
            "users": [
                {"id": USER, "group_ids": [GROUP], "name": "Home", "is_owner": True, "is_active": True}
                | {"system_generated": False, "local_only": False}
            ],
            "groups": [{"id": GROUP}, {"id": "system-users"}, {"id": "system-read-only"}],
            "credentials": [],
            "refresh_tokens": [],
        },
    ),
}
"""Files of .storage by their names, as after the first visit of a person: the version and the data."""

NEEDED = (
    *("home-assistant-frontend", "hassil", "home-assistant-intents", "gazetteer-matcher", "unicode-rbnf"),
    *("numpy", "mutagen", "ha-ffmpeg", "av"),
)
UNUSED = {"pymicro_vad": "MicroVad", "pyspeex_noise": "AudioProcessor", "turbojpeg": "TurboJPEG"}
"""Libraries of the voice assistant, each with the name that is imported from it: the pages need only its description."""


def prepare(system: Path, folder: Path, port: int, page: str) -> Path:
    """Create Home Assistant's configuration folder with its pages, a user and the dashboard."""
    config = folder / "ha"
    (config / ".storage").mkdir(parents=True)
    for name, (version, data) in STORED.items():
        stored = {"version": version, "minor_version": 1, "key": name, "data": data}
        (config / ".storage" / name).write_text(json.dumps(stored))
    (config / "configuration.yaml").write_text(CONFIGURATION.format(port=port))
    view = DASHBOARD.read_text("utf-8").replace("http://homeassistant.local:8080/", page)
    (config / "view.yaml").write_text(view)
    (config / "ui-lovelace.yaml").write_text("views:\n  - !include view.yaml\n")
    for name, item in UNUSED.items():
        (config / f"{name}.py").write_text(f"{item} = None\n")
    download(system, folder / "wheels")
    for file in (folder / "wheels").glob("*.whl"):
        with zipfile.ZipFile(file) as wheel:
            wheel.extractall(config)
    return config


def download(system: Path, folder: Path) -> None:
    """Get what Home Assistant's pages need beside its own system, from the index that pip uses."""
    [packages] = system.glob("opt/ha/lib/python3.*/site-packages")
    version = packages.parent.name.removeprefix("python")
    platforms = [f"--platform={name}_x86_64" for name in ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24")]
    constraints = packages / "homeassistant/package_constraints.txt"
    options = ["-q", "--no-deps", "--only-binary=:all:", *platforms, "--platform=any", "--python-version", version]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", str(folder), "-c", str(constraints), *NEEDED]
    subprocess.run(
        command,
        check=True,
    )


def draw(address: str, picture: Path) -> None:
    """Open the dashboard in Chromium and save what is seen."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1100, "height": 820}, locale="en-GB")
        page.goto(f"{address}/lovelace/musicond", wait_until="load")
        page.get_by_text("Confirm", exact=True).click(timeout=120_000)  # the port of this rig
        page.frame_locator("iframe").locator("#hero[data-kind]").wait_for(timeout=60_000)
        page.wait_for_timeout(3000)
        page.screenshot(path=picture)
        chromium.close()


def main() -> None:
    """Start everything, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", type=Path, help="what ha/make made")
    parser.add_argument("picture", type=Path, help="PNG to write")
    args, port = parser.parse_args(), free_port()
    with tempfile.TemporaryDirectory(prefix="musicond-ha-") as name, FakeSpotify() as spotify:
        folder, address = Path(name), f"http://127.0.0.1:{port}"
        broker = Broker(folder).start()
        spotify.playlists[LIST] = ("Sunny Days", playlist_entries(*SONGS))
        spotify.add_device("Kitchen")
        config = f"device: {{node: rig}}\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\n{SPOTIFY}"
        try:
            daemon = WithSpotify(folder, spotify, config, web=f"listen: '127.0.0.1:0', embed: ['{address}']")
            with daemon:
                daemon.ready()
                config_folder = prepare(args.system, folder, port, f"http://127.0.0.1:{daemon.port()}/")
                ha = HomeAssistant(args.system, config_folder, broker.port)
                assert daemon.sign_in(spotify)
                daemon.command("catalogue", "refresh")
                daemon.command("mood", "happy")
                ha.becomes("sensor.musicond_mood", "a mood chosen by hand", "happy", 30)
                draw(address, args.picture)
                ha.stop()
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
