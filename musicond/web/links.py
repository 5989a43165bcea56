"""The named links to the page: each lets one person or phone in by a token of its own, and can be taken back."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from musicond.errors import ListError, clean_text
from musicond.runtime.json_file import JsonFile, JsonObject

FILE_NAME = "page-links.json"
MAX_LINKS = 30
MAX_NAME = 60
"""Longest name of a link, in characters."""
TOKEN_BYTES = 16
"""128 random bits."""
ORIGIN = re.compile(r"https?://[^\s/?#@]{1,260}")
NOT_OPEN = "only this device may open the page; open it to the home network first: sudo musicond page-link --lan"


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link as it is stored: its token can't be derived from it."""

    link_id: str
    name: str
    added_on: str
    """The day (YYYY-MM-DD)."""
    cookie_digest: str


class PageLinks:
    """The named links in a file; for any thread.

    `address` is that of the page for other machines, None where it has none. Raises StateDirError.
    """

    def __init__(self, file: JsonFile, address: str | None, today: Callable[[], date] = date.today) -> None:
        self._file, self._address, self._today = file, address, today
        self._lock = threading.Lock()
        self._links = tuple(_parse(file.load({}, plausible=lambda _: False)))
        self.removed: Callable[[str], object] = lambda _: None
        """Called with the id of each link that was removed."""

    def find(self, cookie: str) -> str | None:
        """Return the id of the link with this cookie; None without one."""
        wanted, found = digest(cookie), None
        for link in self._links:  # all of them are compared, so that the time shows nothing
            found = link.link_id if hmac.compare_digest(link.cookie_digest, wanted) else found
        return found

    def run_action(self, action: str, arguments: Mapping[str, Any]) -> JsonObject:
        """Run one of `list`, `add`, `remove`; raise ListError, and OSError where it is in force but not stored."""
        actions = {"list": lambda _: self._list(), "add": self._add, "remove": self._remove}
        if action not in actions:
            raise ListError(f"there is no action {action!r}; give one of {', '.join(actions)}")
        return actions[action](arguments)

    def _list(self) -> JsonObject:
        shown = [{"id": link.link_id, "name": link.name, "added_on": link.added_on} for link in self._links]
        return {"open": self._address is not None, "links": shown}

    def _add(self, arguments: Mapping[str, Any]) -> JsonObject:
        """Add a link; its address is in the answer and nowhere else."""
        name, origin = clean_text(str(arguments.get("name") or "")).strip(), arguments.get("origin")
        if not 0 < len(name) <= MAX_NAME:
            raise ListError(f"give a name of 1 to {MAX_NAME} characters")
        if self._address is None:
            raise ListError(NOT_OPEN)
        if origin is not None and not (isinstance(origin, str) and ORIGIN.fullmatch(origin)):
            raise ListError("origin: give the beginning of the page's address, such as http://192.0.2.7:8080")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        added_on = self._today().isoformat()
        with self._lock:
            if len(self._links) >= MAX_LINKS:
                raise ListError(f"there are {MAX_LINKS} links already; remove one first")
            link = PageLink(secrets.token_hex(4), name, added_on, digest(cookie_of(token)))
            links = (*self._links, link)
            self._save(links)
            self._links = links
        url = f"{(origin or self._address).rstrip('/')}/?token={token}"
        return {"id": link.link_id, "url": url, "qr": qr_rows(url)}

    def _remove(self, arguments: Mapping[str, Any]) -> JsonObject:
        """Remove a link; it is out of force even if that can't be stored."""
        link_id = arguments.get("id")
        with self._lock:
            rest = tuple(link for link in self._links if link.link_id != link_id)
            if len(rest) == len(self._links):
                raise ListError("there is no such link; it was removed already")
            self._links = rest
            try:
                self._save(rest)
            finally:
                self.removed(str(link_id))
        return self._list()

    def _save(self, links: tuple[PageLink, ...]) -> None:
        self._file.save({link.link_id: asdict(link) for link in links})


def cookie_of(token: str) -> str:
    """Return the cookie of a token; it reveals no link to the page."""
    return hmac.new(_encode(token), b"musicond page cookie", hashlib.sha256).hexdigest()


def digest(secret: str) -> str:
    """Return the SHA-256 of a random secret."""
    return hashlib.sha256(_encode(secret)).hexdigest()


def qr_rows(text: str) -> list[str]:
    """Return a QR code as rows of 0 (light) and 1 (dark), without a border."""
    import segno

    return ["".join(str(module) for module in row) for row in segno.make(text, micro=False).matrix]


def _parse(data: JsonObject) -> Iterator[PageLink]:
    """Yield the stored links, without damaged ones."""
    earlier, names = data.get("links"), [field.name for field in fields(PageLink)]
    for item in earlier if isinstance(earlier, list) else data.values():
        with suppress(TypeError, KeyError):
            yield PageLink(**{name: str(item[name]) for name in names})


def _encode(text: str) -> bytes:
    """Return the bytes of a header: where it is no UTF-8, its text holds surrogates."""
    return text.encode("utf-8", "surrogateescape")
