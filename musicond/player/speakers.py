"""The choice of the speaker."""

from __future__ import annotations

from collections.abc import Callable

from musicond.core.ports import PlaybackBackend
from musicond.errors import CommandError, PlaybackError


class SpeakerChoice:
    """The speaker that a person has chosen, and the one that the backend has selected: another one after an error.

    For one thread. `undo` takes a failed choice and the one before, to store that again unless a person has chosen
    another speaker meanwhile. None stands for the configured speaker.
    """

    def __init__(self, backend: PlaybackBackend, undo: Callable[[str | None, str | None], object]) -> None:
        self._backend, self._undo_stored = backend, undo
        self._chosen: str | None = None
        self.selected: str | None = None

    @property
    def waits(self) -> bool:
        """Whether an error has kept the chosen speaker from being selected."""
        return self._chosen != self.selected

    def choose(self, name: str | None, *, move: bool) -> bool:
        """Choose and select a speaker, with `move` as a person's order; return whether that has selected another one.

        Raises PlaybackError, and CommandError for one that the player does not have. Then a person's order is undone,
        also where it is stored.
        """
        chosen, selected = self._chosen, self.selected
        self._chosen = name
        try:
            if move and name is not None and name not in (chosen, selected):
                self._check(name)
            self.select(move=move)
        except (CommandError, PlaybackError) as exc:
            if isinstance(exc, PlaybackError) and exc.refused:
                self._undo(name, selected)
            elif move and name is not None and name != chosen:
                self._undo(name, chosen)
            raise
        return move and self.selected != selected

    def select(self, *, move: bool) -> None:
        """Select the chosen speaker; raise PlaybackError."""
        if self.waits:
            self._backend.select_speaker(self._chosen, move=move)
            self.selected = self._chosen

    def _check(self, name: str) -> None:
        names = [speaker.name for speaker in self._backend.get_speakers()]
        if name not in names:
            raise CommandError(f"there is no speaker {name!r} now; the player has: {', '.join(names) or 'none'}")

    def _undo(self, failed: str | None, before: str | None) -> None:
        self._chosen = before
        self._undo_stored(failed, before)
