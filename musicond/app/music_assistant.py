"""The part of the composition root for Music Assistant; imports its package only where it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musicond.app.expiry_log import ExpiryLog
from musicond.config.schema import Config
from musicond.config.user_settings import FILE_NAME as SETTINGS
from musicond.config.user_settings import from_json
from musicond.core.ports import PlaybackBackend
from musicond.errors import StateDirError
from musicond.library.database import FILE_NAME
from musicond.library.song_uris import SongUriTable
from musicond.runtime.json_file import JsonFile

if TYPE_CHECKING:  # requests is loaded only where it is needed
    from musicond.music_assistant.auth import MusicAssistantAuth
    from musicond.music_assistant.sign_in import MusicAssistantSignIn

BACKEND = "music-assistant"
"""The value of `playback.backend`, and the endpoint of the actions."""


class MusicAssistant:
    """The parts for Music Assistant; `changed` is called after a sign-in or sign-out."""

    def __init__(self, config: Config, folder: Path, changed: Callable[[], None] = lambda: None) -> None:
        self._config, self._folder, self._changed = config, folder, changed

    @cached_property
    def auth(self) -> MusicAssistantAuth:
        """The stored sign-in."""
        from musicond.music_assistant.auth import FILE_NAME as TOKEN_FILE
        from musicond.music_assistant.auth import MusicAssistantAuth, ServerTokenFile

        section = self._config.music_assistant
        return MusicAssistantAuth(ServerTokenFile(section.token_file or self._folder / TOKEN_FILE), section.url)

    @cached_property
    def sign_in(self) -> MusicAssistantSignIn:
        """The actions of the sign-in."""
        from musicond.music_assistant.sign_in import MusicAssistantSignIn

        return MusicAssistantSignIn(self.auth, self.get_player, self._notify)

    def get_player(self) -> str | None:
        """Return the name of the player: the speaker that a person has chosen, else the configured one."""
        with suppress(StateDirError):
            if (speaker := from_json(JsonFile(self._folder / SETTINGS).read()).speaker) is not None:
                return speaker
        return self._config.music_assistant.player

    def _notify(self) -> None:
        self._changed()

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call `changed` after each sign-in or sign-out."""
        self._changed = changed

    def periodic(self) -> list[Callable[[], None]]:
        """Return the periodic tasks: the end of the sign-in is logged ahead."""
        return [ExpiryLog(self.auth.get_account).warn] if self._config.playback.backend == BACKEND else []

    def run_action(self, action: str, arguments: Mapping[str, Any]) -> Mapping[str, object]:
        """Run an action of the sign-in."""
        return self.sign_in.run_action(action, arguments)

    def backend(self) -> PlaybackBackend:
        """Return the backend that plays on the configured player."""
        from musicond.library.audio_files import read_duration_s
        from musicond.music_assistant.backend import MusicAssistantBackend

        uris = SongUriTable(self._folder / FILE_NAME)
        return MusicAssistantBackend(self.auth, uris, self._config.music_assistant.player, read_duration_s)
