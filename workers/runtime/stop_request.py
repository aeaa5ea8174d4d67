"""The request to stop at the next step: SIGTERM, as operators and orchestrators send it."""

from __future__ import annotations

import signal


class StopRequest:
    """Whether this process was asked to stop."""

    def __init__(self) -> None:
        self.made = False

    def make(self) -> None:
        """Ask."""
        self.made = True

    def on_sigterm(self) -> None:
        """Take SIGTERM for the request; a ctrl-C is for the process that started this one."""
        signal.signal(signal.SIGTERM, lambda *_: self.make())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
