"""A fake of Spotify's Web API and sign-in as they are in 2026: a real HTTP server on a loopback port.

Every request to the Web API and every answer is held against Spotify's own description where that is at hand
(tests/spotify/openapi_validator.py); a request outside it is refused, and remembered in `violations`.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.spotify.api_objects import album_object, device_object, entry, page, track_link, track_object
from tests.spotify.fake_player import FakePlayer
from tests.spotify.fake_server import Fault, RecordedRequest, handler, in_bytes
from tests.spotify.openapi import spec

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_ID = "0123456789abcdef0123456789abcdef"
REMOVED = ("tracks", "albums", "artists", "recommendations", "audio-features", "browse", "users")
"""First words of what apps made after February 2026 don't get; so is playlists/ID/tracks."""
SCOPES = {
    "GET me/playlists": "playlist-read-private",
    "GET playlists/": "playlist-read-private",
    "GET me/tracks": "user-library-read",
    "GET me/player": "user-read-playback-state",
    "PUT me/player": "user-modify-playback-state",
    "POST me/player": "user-modify-playback-state",
}


class FakeSpotify:
    """A context manager; its data may be changed at any time under `lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.player = FakePlayer()
        self.images: object = None
        """Of the album of what plays; set at the start."""
        self.playlists: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        """Id: name and entries, of the user's own."""
        self.followed: dict[str, str] = {}
        """Id and name of playlists that the user follows only."""
        self.liked: list[dict[str, Any]] = []
        self.search_results: list[dict[str, Any]] = []
        """The results of every search."""
        self.relinked: dict[str, str] = {}
        """The tracks that are played instead of those that are not sold here."""
        self.bad_uris: set[str] = set()
        """Tracks for which Spotify refuses to play any."""
        self.names_bad_uris = True
        self.faults: list[Fault] = []
        self.on_command: Callable[[str, dict[str, Any]], object] = lambda _act, _arguments: None
        """Called with each request for the player before it is carried out; an empty act moves the music."""
        self.requests: list[RecordedRequest] = []
        self.violations: list[str] = []
        self.premium = True
        self.secrets: set[str] = set()
        """Every code and token that was given out."""
        self.grants: dict[str, str] = {}
        """Refresh token: scope."""
        self.tokens: dict[str, str] = {}
        """Access token: scope."""
        self._codes: dict[str, tuple[str, str, str]] = {}
        self._changed = threading.Condition(self.lock)
        self.released = threading.Event()
        self.refresh_count = 0

    def __enter__(self) -> Self:
        spec()  # it takes seconds to load; a request must not wait for that
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.images = [
            {"url": f"{self.address}/image/{width}", "height": width, "width": width} for width in (640, 300)
        ]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def add_device(self, name: str, *, active: bool = False, **more: Any) -> str:
        """Add a speaker; return its id."""
        with self.lock:
            device = device_object(secrets.token_hex(20), name) | more
            self.player.devices.append(device)
            if active:
                self.player.device = device["id"]
            return str(device["id"])

    def authorize(self, url: str, *, refuse: bool = False) -> str:
        """Open the link of a sign-in and agree, as a user does; return the address on which the browser ends."""
        parameters = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        assert parameters["client_id"] == CLIENT_ID
        assert parameters["response_type"] == "code"
        assert parameters["code_challenge_method"] == "S256"
        target = urlsplit(parameters["redirect_uri"])
        assert (target.scheme, target.hostname) == ("http", "127.0.0.1"), "localhost is refused"
        if refuse:
            return f"{parameters['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': parameters['state']})}"
        code = self._secret("code")
        with self.lock:
            self._codes[code] = (parameters["code_challenge"], parameters["redirect_uri"], parameters["scope"])
        return f"{parameters['redirect_uri']}?{urlencode({'code': code, 'state': parameters['state']})}"

    def revoke_sign_ins(self) -> None:
        """Let every sign-in end, as it does after six months."""
        with self.lock:
            self.grants.clear()
            self.tokens.clear()

    def expire_access_tokens(self) -> None:
        """Let the hour of the access tokens be over."""
        with self.lock:
            self.tokens.clear()

    def wait_until(self, true: Callable[[], bool], seconds: float = 30.0) -> bool:
        """Wait for a request that makes it true."""
        with self._changed:
            return self._changed.wait_for(true, seconds)

    def count(self, method: str, path: str) -> int:
        """Return how many such requests were answered with success."""
        with self.lock:
            return sum(
                1
                for request in self.requests
                if (request.method, request.path) == (method, path) and request.status < 300
            )

    def last_request(self, method: str, path: str) -> RecordedRequest:
        """Return the last such request."""
        with self.lock:
            return [request for request in self.requests if (request.method, request.path) == (method, path)][-1]

    def issue_token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a request for a token."""
        with self.lock:
            if form.get("client_id") != CLIENT_ID:
                return 400, {"error": "invalid_client", "error_description": "Invalid client"}
            if form.get("grant_type") == "authorization_code":
                challenge, redirect, scope = self._codes.pop(form.get("code", ""), ("", "", ""))
                digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
                if not challenge or base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
                    return 400, {"error": "invalid_grant", "error_description": "Invalid authorization code"}
                if form.get("redirect_uri") != redirect:
                    return 400, {"error": "invalid_grant", "error_description": "Invalid redirect URI"}
                refresh = self._secret("refresh")
                self.grants[refresh] = scope
            else:
                refresh = form.get("refresh_token", "")
                if refresh not in self.grants:
                    return 400, {"error": "invalid_grant", "error_description": "Refresh token revoked"}
                self.refresh_count += 1
            access = self._secret("access")
            self.tokens[access] = self.grants[refresh]
            answer = {"access_token": access, "token_type": "Bearer", "expires_in": 3600, "scope": self.grants[refresh]}
            if form.get("grant_type") == "authorization_code":
                answer["refresh_token"] = refresh  # no longer rotated by a renewal since July 2026
            return 200, answer

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes, token: str) -> tuple[int, Any]:
        """Answer a request to the Web API; `path` is without /v1/."""
        known = spec()
        outside = known.request_fault(method, f"/v1/{path}", query, body) if known else None
        with self.lock:
            old = path.startswith("playlists/") and not path.endswith("/items")
            if outside == "deprecated" or old or path.split("/", maxsplit=1)[0] in REMOVED:
                self.violations.append(f"{method} {path}: removed in 2026")
                return 403, _error(403, "Forbidden")
            if outside is None and path == "search" and int(query.get("limit", "5")) > 10:
                outside = "a search gives ten at most"
            if outside is not None:
                self.violations.append(f"{method} {path} {query}: {outside}")
                return 400, _error(400, "Bad request")
            if token not in self.tokens:
                return 401, _error(401, "The access token expired")
            status, content = self._routed(method, path, query, json.loads(body) if body else {}, token)
            fault = known.answer_fault(method, f"/v1/{path}", query, status, in_bytes(content)) if known else None
            if fault is not None:
                self.violations.append(f"the fake's own answer to {method} {path}: {fault}")
            return status, content

    def record(self, seen: RecordedRequest) -> None:
        """Remember a request."""
        with self._changed:
            self.requests.append(seen)
            self._changed.notify_all()

    def fault_for(self, path: str) -> Fault | None:
        """Return what is to go wrong with a request."""
        with self.lock:
            for fault in self.faults:
                done = (request.path for request in self.requests if request.status < 300)
                if path.startswith(fault.path) and fault.times != 0 and (not fault.after or fault.after in done):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def _secret(self, kind: str) -> str:
        secret = f"{kind}-{secrets.token_urlsafe(24)}"
        with self.lock:
            self.secrets.add(secret)
        return secret

    def _routed(
        self, method: str, path: str, query: dict[str, str], body: dict[str, Any], token: str
    ) -> tuple[int, Any]:
        needed = next((scope for start, scope in SCOPES.items() if f"{method} {path}".startswith(start)), "")
        if needed and needed not in self.tokens[token].split():
            return 403, _error(403, "Insufficient client scope")
        if path.startswith("me/player"):
            return self._playing(method, path.removeprefix("me/player").strip("/"), query, body)
        if path == "me":
            return 200, {"id": "ann", "display_name": "Ann", "type": "user", "uri": "spotify:user:ann"}
        items = self._listed(path)
        if items is None:
            return 403, _error(403, "Forbidden")
        content = page(items, int(query.get("limit", "20")), int(query.get("offset", "0")))
        return 200, {"tracks": content} if path == "search" else content

    def _listed(self, path: str) -> list[dict[str, Any]] | None:
        """Return the entries of a list; None for another user's playlist."""
        if path == "me/playlists":
            names = {key: name for key, (name, _) in self.playlists.items()} | self.followed
            owners = {key: "ann" if key in self.playlists else "spotify" for key in names}
            return [
                {"id": key, "name": name, "type": "playlist", "owner": {"id": owners[key], "type": "user"}}
                for key, name in sorted(names.items(), key=lambda item: item[0] in self.playlists)
            ]
        lists = {"me/tracks": self.liked, "search": self.search_results}
        own = self.playlists.get(path.split("/")[1] if path.startswith("playlists/") else "")
        return own[1] if own else lists.get(path)

    def _playing(self, method: str, act: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        player = self.player
        if method == "GET":
            if act == "devices":
                return 200, {"devices": [{**item, "is_active": item["id"] == player.device} for item in player.devices]}
            self.on_command("status", {})
            return self._current()
        if not self.premium:
            return 403, _error(403, "Player command failed: Premium required", "PREMIUM_REQUIRED")
        target = query.get("device_id", body["device_ids"][0] if act == "" else player.device)
        if target is None:
            return 404, _error(404, "Player command failed: No active device found", "NO_ACTIVE_DEVICE")
        if target not in [device["id"] for device in player.devices if not device["is_restricted"]]:
            return 404, _error(404, "Device not found")
        return self._told(act, target, query, body)

    def _told(self, act: str, target: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        player = self.player
        self.on_command(act, {**query, **body, "device_id": target})
        if act == "play" and (bad := next((uri for uri in body.get("uris", ()) if uri in self.bad_uris), None)):
            return 400, _error(400, f"Invalid track uri: {bad}" if self.names_bad_uris else "Invalid track uri")
        if act == "play" and body.get("uris"):
            player.play(list(body["uris"]), target)
        elif act == "play":
            player.device = target
            player.resume()
        elif act == "":
            player.device = target
        elif act == "pause":
            player.pause()
        elif act in ("next", "previous"):
            (player.skip if act == "next" else player.go_back)()
        elif act == "shuffle":
            player.shuffle = query["state"] == "true"
        elif act == "repeat":
            player.repeat = query["state"]
        else:
            device = player.find_device(target)
            if not device["supports_volume"]:
                return 403, _error(403, "Player command failed", "VOLUME_CONTROL_DISALLOW")
            device["volume_percent"] = int(query["volume_percent"])
        return 204, None

    def _current(self) -> tuple[int, Any]:
        player = self.player
        now = player.current()
        device = next((candidate for candidate in player.devices if candidate["id"] == player.device), None)
        if now is None or device is None:
            return 204, None
        uri, position_s = now
        link = {"linked_from": track_link(uri)} if uri in self.relinked else {}
        album = album_object("Album", self.images)
        item = track_object(self.relinked.get(uri, uri), seconds=player.length_s, album=album, **link)
        context = {"type": "album", "uri": player.context, "href": "", "external_urls": {}} if player.context else None
        return 200, {
            "device": {**device, "is_active": True},
            "repeat_state": player.repeat,
            "shuffle_state": player.shuffle,
            **({"context": context} if context else {}),
            "timestamp": 0,
            "progress_ms": round(position_s * 1000),
            "is_playing": player.playing,
            "item": item,
            "currently_playing_type": "track",
            "actions": {},
        }


def playlist_entries(*names: str) -> list[dict[str, Any]]:
    """Return the entries of a playlist with songs of these names."""
    return [entry(name) for name in names]


def _error(status: int, message: str, reason: str | None = None) -> dict[str, Any]:
    return {"error": {"status": status, "message": message, **({"reason": reason} if reason else {})}}
