"""The warnings in the log before a sign-in ends."""

from __future__ import annotations

import logging
from collections.abc import Callable

from musicond.core.expiry import warning_due
from musicond.core.outcome import Account

log = logging.getLogger(__name__)


class ExpiryLog:
    """Remembers which of `core.expiry.WARN_DAYS` was logged last for an account; `warn` is a periodic task."""

    def __init__(self, get_account: Callable[[], Account]) -> None:
        self._get_account = get_account
        self._logged: int | None = None

    def warn(self) -> None:
        """Log a warning once for each of WARN_DAYS before the end of the sign-in; for any thread."""
        account = self._get_account()
        days = None if account.days_left is None else warning_due(account.days_left)
        before, self._logged = self._logged, days
        if days not in (None, before):
            log.warning("%s", account.warning)
