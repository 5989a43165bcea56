"""The sign-in at Music Assistant, and its players, for the page and the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from musicond.errors import ListError, PlaybackError, clean_text
from musicond.music_assistant.api_objects import SILENT_TYPES
from musicond.music_assistant.auth import MusicAssistantAuth, ServerToken
from musicond.music_assistant.client import SIGN_IN, MusicAssistantClient
from musicond.music_assistant.discovery import find_servers
from musicond.runtime.http_session import as_objects

PORT = 8095
ADDRESS = re.compile(
    r"(?P<scheme>https?://)?(?P<host>\[[0-9a-fA-F:]+\]|[^/:?#@\s]+)(?P<port>:\d{1,5})?(?P<path>/[^?#\s]*)?"
)


class MusicAssistantSignIn:
    """The sign-in of the process, for one thread at a time.

    `get_player` returns the name or the id of the player in force. `on_change` is called after a sign-in or sign-out.
    """

    def __init__(
        self,
        auth: MusicAssistantAuth,
        get_player: Callable[[], str | None],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._auth, self._get_player, self.on_change = auth, get_player, on_change

    def run_action(self, action: str, arguments: Mapping[str, Any]) -> dict[str, object]:
        """Run one of `status`, `servers`, `login`, `logout`, `players`; raise ListError or PlaybackError."""
        if action == "login":
            values = {name: str(arguments.get(name) or "") for name in ("url", "user", "password")}
            return self.log_in(**values)
        actions = {"status": self.status, "servers": self.servers, "logout": self.logout, "players": self.players}
        if action not in actions:
            raise ListError(f"there is no action {action!r}; give one of {', '.join(actions)}, login")
        return actions[action]()

    def status(self) -> dict[str, object]:
        """Return the sign-in and its end, without a request."""
        account, stored, url = self._auth.get_account(), None, None
        trouble: str | None = account.warning
        try:
            stored = self._auth.token_file.load()
            url = self._auth.get_url()
            self._auth.get_token()
        except PlaybackError as exc:
            trouble = str(exc)
        return {
            "signed_in": account.signed_in,
            "url": url,
            "user": account.user,
            "player": self._get_player(),
            "signed_in_on": stored and stored.created_at and stored.created_at[:10],
            "expires_on": account.expires_on and account.expires_on.isoformat(),
            "days_left": account.days_left,
            "trouble": trouble,
        }

    def servers(self) -> dict[str, object]:
        """Return the addresses of the servers in the home network, and whether it could be searched."""
        found = find_servers()
        return {"servers": found or [], "searched": found is not None}

    def log_in(self, url: str, user: str, password: str) -> dict[str, object]:
        """Sign in and store the token; the password is used once and kept nowhere."""
        if not user or not password:
            raise ListError("give the user and the password of Music Assistant")
        address, configured = parse_address(url or self._auth.find_url() or ""), self._auth.configured_url
        if configured is not None and parse_address(configured) != address:
            raise ListError(f"music_assistant.url names another server, {configured}; sign in there, or correct it")
        with closing(MusicAssistantClient(address)) as client:
            client.get_info()
            token = client.log_in(user, password)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        self._auth.token_file.save(ServerToken(token, address, user, now))
        self.on_change()
        return self.status()

    def logout(self) -> dict[str, object]:
        """Delete the token here, and at the server where it can be reached: `revoked`."""
        revoked = self._revoke()
        self._auth.token_file.delete()
        self.on_change()
        return {**self.status(), "revoked": revoked}

    def _revoke(self) -> bool:
        """Return whether the server holds no token of ours any more."""
        try:
            self._auth.get_token()
            with closing(MusicAssistantClient(self._auth.get_url(), self._auth.get_token)) as client:
                client.run("auth/logout")
        except PlaybackError as exc:
            return exc.sign_in
        return True

    def players(self) -> dict[str, object]:
        """Return the players of the server that can play music."""
        name = self._get_player()
        with closing(MusicAssistantClient(self._auth.get_url(), self._auth.get_token)) as client:
            players = as_objects(client.run("players/all"))
        return {
            "players": [
                {
                    "name": clean_text(player.get("name") or player.get("display_name") or ""),
                    "type": clean_text(player.get("type") or ""),
                    "available": player.get("available") is not False,
                    "powered": player.get("powered") is not False,
                    "configured": name in (player.get("name"), player.get("player_id")),
                }
                for player in players
                if player.get("type") not in SILENT_TYPES and player.get("enabled") is not False
            ]
        }


def parse_address(text: str) -> str:
    """Return the address of a server from what a person has typed, such as "homeassistant.local"; raise ListError."""
    match = ADDRESS.fullmatch(text.strip())
    if match is None:
        raise ListError(
            f"{text!r} is no address of a server; give one such as http://homeassistant.local:{PORT}. {SIGN_IN}"
        )
    scheme, path = match["scheme"] or "http://", (match["path"] or "").rstrip("/")
    port = match["port"] or ("" if scheme == "https://" or path else f":{PORT}")
    return f"{scheme}{match['host']}{port}{path}"
