"""The file of a sign-in at a music service: readable by its owner alone, and replaced atomically."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from musicond.errors import PlaybackError
from musicond.runtime.json_file import JsonFile, delete_file

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SignInT = TypeVar("SignInT", bound="DataclassInstance")


class SignInFile(ABC, Generic[SignInT]):
    """The file at `path`. `load`, `save` and `delete` raise PlaybackError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def read(self) -> SignInT | None:
        """Return the stored sign-in; raise OSError, or ValueError or TypeError for a damaged file."""

    def parse(self, kind: type[SignInT]) -> SignInT:
        """Return the sign-in that the file has as JSON: texts, and null where there is a default; raise as `read`."""
        if not (data := JsonFile(self.path).parse()):
            raise FileNotFoundError(self.path)  # and no damage, of which a sign-in at this moment would be the copy
        sign_in = kind(**data)
        for field in fields(sign_in):
            value = getattr(sign_in, field.name)
            if not isinstance(value, str) and (value is not None or field.default is MISSING):
                raise ValueError(f"{self.path}: {field.name} is no text")
        return sign_in

    def load(self) -> SignInT | None:
        """Return the stored sign-in; None where there is none or the file is damaged, of which a copy is kept."""
        try:
            return self.read()
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, OverflowError):
            with suppress(OSError):  # there may be no file
                JsonFile(self.path).keep_copy()
            return None
        except OSError as exc:
            raise PlaybackError(f"{self.path}: {exc.strerror}; put sudo -u musicond before the command") from None

    def save(self, sign_in: SignInT) -> None:
        """Store a sign-in; on return it is on the disk."""
        try:
            JsonFile(self.path).save(asdict(sign_in))
        except OSError as exc:
            raise PlaybackError(
                f"{self.path}: {exc.strerror}; the sign-in is not kept; make room or put sudo before"
            ) from None

    def delete(self) -> None:
        """Delete the stored sign-in."""
        try:
            delete_file(self.path)
        except OSError as exc:
            raise PlaybackError(f"{self.path}: {exc.strerror}; put sudo -u musicond before the command") from None
