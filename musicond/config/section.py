"""The base of the sections of musicon.yaml, and checks that several of them use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

from musicond.config.relative_paths import resolve

FilePath = Annotated[Path, AfterValidator(lambda path, info: Path(resolve(str(path), info)))]
S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """A section of the file, frozen; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CrossSectionError(ValueError):
    """Values of several sections do not fit together; `problems` holds the path of each key and the text."""

    def __init__(self, *problems: tuple[tuple[str | int, ...], str]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in problems))
        self.problems = problems


def in_order(section: S, low: str, high: str, *, strict: bool = False) -> S:
    """Return the section if the value of one key is at most, or (`strict`) less than, that of another."""
    least, most = getattr(section, low), getattr(section, high)
    if least > most or (strict and least == most):
        raise ValueError(f"{low} ({least:g}) must {'be less than' if strict else 'not exceed'} {high} ({most:g})")
    return section


def valid_for(parse: Callable[[str], object]) -> AfterValidator:
    """Return a validator that keeps a text which `parse` accepts."""

    def validate(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(validate)
