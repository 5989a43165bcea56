"""The requests to a Music Assistant server; each ends in bounded time, and a failed one is not repeated.

The API is that of music_assistant/controllers/webserver in github.com/music-assistant/server: POST /api takes
{"message_id", "command", "args"} with a bearer token and returns the bare result as JSON; errors are plain text.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from musicond.errors import (
    EXPIRED,
    NOT_YET_VALID,
    UNLESS_WRONG_CLOCK,
    WRONG_CLOCK,
    PlaybackError,
    bounded_number,
    clean_text,
)
from musicond.runtime.http_session import CONNECT_S, TOO_MANY_REQUESTS, DeadlineSession, as_object

READ_S = 10.0
PICTURE_PX = 300
"""Width of a cover that is enough for the page."""
AUTHENTICATED = 28
"""Schema of the API from which a token is needed."""
SIGN_IN = "sign in: musicond music-assistant login"
CERTIFICATES = {NOT_YET_VALID: WRONG_CLOCK, EXPIRED: f"renew it, {UNLESS_WRONG_CLOCK}"}
"""Remedy by a part of the reason for which a certificate is refused."""
TOKEN_NAME = "musicond"  # noqa: S105 - the name of the token in Music Assistant's list
UNAUTHORIZED, NOT_FOUND, SERVER_ERROR, SETTING_UP = 401, 404, 500, 503
STATUSES = {
    400: "Music Assistant does not understand a request of musicond; update both",
    401: f"Music Assistant no longer takes the sign-in; {SIGN_IN}",
    403: "Music Assistant does not allow this to the signed-in user; give the user the player in Music Assistant's "
    "settings, under Users",
    404: "the player or the song is gone from Music Assistant; musicond music-assistant players lists the players",
    429: "Music Assistant asks for a wait; try again in a minute",
    500: "Music Assistant has an error of its own (500), which its log explains; it is tried again",
    503: "Music Assistant is still being set up; open its page and finish that; it is tried again",
}
"""By the status of an answer."""


class RequestRefused(PlaybackError):  # noqa: N818 - a state of the server
    """The server has answered with an error; `status` is that of HTTP."""

    def __init__(self, status: int) -> None:
        text = STATUSES.get(status) or f"Music Assistant refuses a request ({status}); check music_assistant.url"
        super().__init__(text, sign_in=status == UNAUTHORIZED, gone=status == NOT_FOUND)
        self.status = status


class AnswerTimeout(PlaybackError):  # noqa: N818 - the server may have done what was asked
    """No answer has come in time; what was asked may have been done."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server's identity and the version of its API."""

    server_id: str
    version: str
    schema: int


class BearerAuth(AuthBase):
    """Adds a token to a request; as an object, as requests would prefer a password from ~/.netrc to a header."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with the token."""
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class MusicAssistantClient:
    """A client of the server at an address, for one thread; every request raises PlaybackError.

    `get_token` returns the token in force, None without one; it may raise PlaybackError. `reject_token` notes that the
    server no longer accepts it.
    """

    def __init__(
        self,
        url: str,
        get_token: Callable[[], str | None] = lambda: None,
        reject_token: Callable[[], object] = lambda: None,
    ) -> None:
        self._url, self._get_token, self._reject_token = url.rstrip("/"), get_token, reject_token
        self._session, self._pictures = DeadlineSession(READ_S), DeadlineSession(READ_S, json_only=False)
        self._numbers = count(1)
        self._info: ServerInfo | None = None
        self._offset_s = 0.0
        """The server's clock minus this one."""

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._pictures.close()

    def get_picture(self, proxy_id: str) -> bytes | None:
        """Return a small picture by the server's id for it; None where there is none."""
        url = f"{self._url}/imageproxy/{quote(proxy_id, safe='')}"
        try:
            response = self._pictures.get(url, params={"size": PICTURE_PX}, timeout=(CONNECT_S, READ_S))
        except requests.RequestException as exc:
            raise _network_error(exc, self._url) from None
        return response.content if response.status_code == requests.codes.ok else None

    def server_time(self) -> float:
        """Return the server's Unix time, by the Date of its last answer; exact to a second."""
        return time.time() + self._offset_s

    @property
    def needs_no_sign_in(self) -> bool:
        """Whether the server is known to need no sign-in."""
        return self._info is not None and self._info.schema < AUTHENTICATED

    def get_info(self) -> ServerInfo:
        """Return the server's version; asked once, and again after a refused sign-in: it may have been updated."""
        if self._info is None:
            answer = as_object(self._request("GET", "info", None, None))
            schema = bounded_number(answer.get("schema_version"), 1, 1e6)
            if schema is None or not answer.get("server_id"):
                raise PlaybackError(f"{self._url} is no Music Assistant server; check music_assistant.url")
            version = clean_text(answer.get("server_version") or "unknown")
            self._info = ServerInfo(clean_text(answer["server_id"]), version, int(schema))
        return self._info

    def run(self, command: str, **arguments: object) -> Any:
        """Run a command of the API and return its result."""
        token = self._get_token() if self.get_info().schema >= AUTHENTICATED else None
        message = {"message_id": str(next(self._numbers)), "command": command, "args": arguments}
        try:
            return self._request("POST", "api", message, token)
        except RequestRefused as exc:
            if exc.status == UNAUTHORIZED:
                self._info = None
                if token is not None:
                    self._reject_token()
            raise

    def log_in(self, user: str, password: str) -> str:
        """Sign in by name and password; return a token that is valid for a year."""
        # Servers before 2.8.4 read the flat fields.
        credentials = {"username": user, "password": password}
        body = {"provider_id": "builtin", "credentials": credentials, **credentials}
        try:
            answer = as_object(self._request("POST", "auth/login", body, None))
        except RequestRefused as exc:
            if exc.status != UNAUTHORIZED:
                raise
            raise PlaybackError("Music Assistant does not know this user and password; try again") from None
        session = answer.get("token") or answer.get("access_token")
        if not isinstance(session, str):
            raise PlaybackError("Music Assistant has given no token; update it")
        message = {"message_id": "1", "command": "auth/token/create", "args": {"name": TOKEN_NAME}}
        token = self._request("POST", "api", message, session)
        with suppress(PlaybackError):  # the session would last a month
            self._request("POST", "api", {"message_id": "2", "command": "auth/logout", "args": {}}, session)
        if not isinstance(token, str) or not token:
            raise PlaybackError("Music Assistant has given no token; update it")
        return token

    def _request(self, method: str, path: str, body: dict[str, Any] | None, token: str | None) -> Any:
        """Return the JSON of an answer."""
        try:
            response = self._session.request(
                method, f"{self._url}/{path}", json=body, auth=BearerAuth(token), timeout=(CONNECT_S, READ_S)
            )
            self._note_time(response.headers.get("Date", ""))
            if response.status_code != requests.codes.ok:
                raise _refusal(response)
            return response.json()
        except requests.RequestException as exc:
            raise _network_error(exc, self._url) from None
        except (ValueError, RecursionError):
            raise PlaybackError("Music Assistant's answer was broken; it is tried again") from None

    def _note_time(self, date: str) -> None:
        try:
            self._offset_s = parsedate_to_datetime(date).timestamp() + 0.5 - time.time()
        except (ValueError, TypeError, OverflowError):
            self._offset_s = 0.0


def _refusal(response: requests.Response) -> PlaybackError:
    error = RequestRefused(response.status_code)
    if response.status_code in (TOO_MANY_REQUESTS, SETTING_UP):
        retry = bounded_number(response.headers.get("Retry-After"), 0, 86400)
        error.wait_s = retry
    return error


def _network_error(exc: requests.RequestException, url: str) -> PlaybackError:
    """Return the error for a request without a whole answer."""
    if isinstance(exc, requests.exceptions.ConnectTimeout):
        return PlaybackError(f"Music Assistant at {url} can't be reached in time; check that it runs, and the network")
    if isinstance(exc, requests.Timeout):
        return AnswerTimeout("Music Assistant does not answer in time; it is tried again")
    if isinstance(exc, requests.exceptions.ChunkedEncodingError | requests.exceptions.JSONDecodeError):
        return PlaybackError("Music Assistant's answer was broken; it is tried again")
    if isinstance(exc, requests.exceptions.SSLError):
        known = (text for reason, text in CERTIFICATES.items() if reason in str(exc))
        remedy = next(known, "install its authority, or use http://")
        return PlaybackError(f"the certificate of {url} is not trusted here; {remedy}")
    return PlaybackError(f"Music Assistant at {url} can't be reached; check that it runs, and music_assistant.url")
