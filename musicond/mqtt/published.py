"""The retained topics that this device has on the broker, in a file: those of another name have to be cleared."""

from __future__ import annotations

from contextlib import suppress

from musicond.runtime.json_file import JsonFile

MAX_TOPICS = 500
"""More than a file of ours can have, with those of several names."""


class PublishedTopics:
    """Used in the connection's thread. `own` are the beginnings of the topics that the device has now.

    Raises StateDirError for a file that can't be read.
    """

    def __init__(self, file: JsonFile | None, own: tuple[str, ...]) -> None:
        self._file = file
        stored = file.load({}).get("topics") if file else None
        topics = {topic for topic in stored if _is_topic(topic)} if isinstance(stored, list) else set()
        self._tried = set(topics)
        self._topics = {topic for topic in topics if topic.startswith(own)}
        self.foreign = frozenset(topics - self._topics)
        """Topics of another node, base topic or prefix, which are still on the broker."""

    def add(self, topic: str) -> None:
        """Note that a message is retained."""
        self._topics.add(topic)

    def save(self, *, cleared: bool) -> None:
        """Store the topics if they have changed; `cleared`: the foreign ones are off the broker."""
        if cleared:
            self.foreign = frozenset()
        topics = self._topics | self.foreign
        if self._file is not None and topics != self._tried:
            self._tried = set(topics)
            with suppress(OSError):  # it is tried again with the next change
                self._file.save({"topics": sorted(topics)[:MAX_TOPICS]})


def _is_topic(topic: object) -> bool:
    return isinstance(topic, str) and 0 < len(topic) < 300 and topic.isprintable() and not set(topic) & set("+#")  # noqa: PLR2004 - longer than ours
