"""The retained topics that this device has on the broker, in a file: those of another name have to be cleared."""

from __future__ import annotations

from math import inf

from musicond.runtime.json_file import JsonFile

MAX_TOPICS = 500
"""More than a file of ours can have, with those of several names."""
AVAILABILITY, OFFLINE = "/availability", "offline"
FORGET_S = 120.0
"""Wait on a connection for `offline` from an old name, longer than a broker needs for the will of a dead process."""
RETRY_S = 60.0
"""Wait after the file could not be saved."""


class PublishedTopics:
    """Used in the connection's thread. `own` are the beginnings of the topics that the device has now.

    The file may be a copy from another device, or another device may have taken the old name. So topics with an
    `availability` beside them are cleared only when that says `offline`. Raises StateDirError for a file that can't be
    read.
    """

    def __init__(self, file: JsonFile | None, own: tuple[str, ...]) -> None:
        self._file = file
        stored = file.load({}).get("topics") if file else None
        self._saved = {topic for topic in stored if _is_topic(topic)} if isinstance(stored, list) else set[str]()
        self._topics = {topic for topic in self._saved if topic.startswith(own)}
        self.foreign = self._saved - self._topics
        """Topics of another node, base topic or prefix, which are still on the broker."""
        self._offline: set[str] = set()
        self._clearing: str | None = None
        self._forget_at, self._retry_at = inf, 0.0

    def add(self, topic: str) -> None:
        """Note that a message is retained."""
        self._topics.add(topic)

    def connected(self, now: float) -> set[str]:
        """Return the topics `availability` of old names, to subscribe to on a new connection."""
        self._offline.clear()
        self._clearing, self._forget_at = None, now + FORGET_S
        return {topic for topic in self.foreign if topic.endswith(AVAILABILITY)}

    def on_availability(self, topic: str, payload: bytes | bytearray) -> None:
        """Note whether a device with an old name is connected."""
        (self._offline.add if payload == OFFLINE.encode() else self._offline.discard)(topic)

    def next_to_clear(self) -> str | None:
        """Return the next topic to clear, the `availability` last; None until `cleared` has the one before."""
        if self._clearing is None:
            unused = {topic for topic in self.foreign if self._guards(topic) <= self._offline}
            others = {topic for topic in unused if not topic.endswith(AVAILABILITY)}
            self._clearing = min(others or unused, default=None)
            return self._clearing
        return None

    def cleared(self, topic: str) -> None:
        """Note that the broker has cleared a topic."""
        self.foreign.discard(topic)
        if topic == self._clearing:
            self._clearing = None

    def save(self, now: float) -> None:
        """Store the topics if they have changed, without those of a name that another device has."""
        if now >= self._forget_at:
            self.foreign = {topic for topic in self.foreign if self._guards(topic) <= self._offline}
        topics = self._topics | self.foreign
        if self._file is None or topics == self._saved or now < self._retry_at:
            return
        try:
            self._file.save({"topics": [*sorted(self._topics), *sorted(self.foreign)][:MAX_TOPICS]})
            self._saved = topics
        except OSError:
            self._retry_at = now + RETRY_S

    def _guards(self, topic: str) -> set[str]:
        """Return the topics `availability` of the devices that may have a topic."""
        bases = {name: name.removesuffix(AVAILABILITY) for name in self.foreign if name.endswith(AVAILABILITY)}
        return {
            name
            for name, base in bases.items()
            if topic.startswith(f"{base}/") or topic.endswith(f"/device/{base.rpartition('/')[2]}/config")
        }


def _is_topic(topic: object) -> bool:
    return isinstance(topic, str) and 0 < len(topic) < 300 and topic.isprintable() and not set(topic) & set("+#")  # noqa: PLR2004 - longer than ours
