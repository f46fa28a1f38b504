"""Where the runs of sweeps train: on this machine, or by the workers of a scheduler."""

from __future__ import annotations

import os

from core.common import ClusterError, demand_writable
from core.runs import RunStore

VARIABLE = "AFFINITY_LAB_SCHEDULER"
_NOTICE = "sweeps_on_cluster"


class Place:
    """The setting.

    Which scheduler there is, whoever starts the app says, by the environment variable ``AFFINITY_LAB_SCHEDULER``, or the
    command line: what comes from a scheduler is unpickled, so nobody who merely sees a page may name one.

    Parameters
    ----------
    store : RunStore
        Keeps what users choose.
    given : str, optional
        Address of a scheduler, whatever is set elsewhere.
    """

    def __init__(self, store: RunStore, given: str | None = None) -> None:
        self._store = store
        self._given = given

    @property
    def offered(self) -> str | None:
        """The scheduler there is."""
        return self._given or os.environ.get(VARIABLE, "").strip() or None

    @property
    def address(self) -> str | None:
        """The scheduler that trains sweeps at present; None for this machine."""
        offered = self.offered
        return offered if self._given or (offered and self._store.notices.read(_NOTICE)) else None

    def choose(self, cluster: bool) -> None:
        """Keep what a user has chosen, for all users of the home and for later.

        Raises
        ------
        ClusterError
            If there is no scheduler to choose.
        """
        demand_writable("another place for sweeps")
        if cluster and self.offered is None:
            raise ClusterError(f"Sweeps train here: {VARIABLE} names no scheduler.")
        self._store.notices.post(_NOTICE, cluster)
