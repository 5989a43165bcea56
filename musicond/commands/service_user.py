"""The user of the installed service; the doctor checks access for this user, whoever runs it."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SUPPLEMENTARY = ("video", "render")
"""SupplementaryGroups of systemd/musicond.service."""
_BITS = ((os.R_OK, 4), (os.W_OK, 2), (os.X_OK, 1))


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """A user with the groups that the service gives it."""

    name: str
    uid: int
    groups: frozenset[int]

    def access(self, path: Path, mode: int) -> bool:
        """Return whether the user may do `mode` (as in `os.access`) with a path, by the bits of its permissions."""
        try:
            folders_pass = all(self._has(folder.stat(), os.X_OK) for folder in path.absolute().parents)
            return folders_pass and self._has(path.stat(), mode)
        except OSError:
            return False

    def _has(self, status: os.stat_result, mode: int) -> bool:
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.groups else 0
        bits = stat.S_IMODE(status.st_mode) >> shift
        return all(not mode & wanted or bits & bit for wanted, bit in _BITS)


def service_user(folder: Path) -> ServiceUser | None:
    """Return the owner of the service's state directory; None where it is not installed, or is this user."""
    try:
        owner = pwd.getpwuid(folder.stat().st_uid)
    except (OSError, KeyError):
        return None
    if owner.pw_uid == os.geteuid():
        return None
    groups = set(os.getgrouplist(owner.pw_name, owner.pw_gid))
    for name in SUPPLEMENTARY:
        with suppress(KeyError):
            groups.add(grp.getgrnam(name).gr_gid)
    return ServiceUser(owner.pw_name, owner.pw_uid, frozenset(groups))
