"""A visitor without a browser: speaks the websocket of the app, walks through its pages, and takes the time."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

ANSWER_SECONDS = 60.0
PLANNED = ForwardMsg.ScriptFinishedStatus.Value("FINISHED_EARLY_FOR_RERUN")


@dataclass
class Visitor:
    """Walks from page to page for a while, reads each for one to four seconds, and lets its fragments renew themselves."""

    address: str
    pages: list[tuple[str, str]]
    seed: int
    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _due: dict[str, float] = field(default_factory=dict)  # when a fragment asks again
    _every: dict[str, float] = field(default_factory=dict)

    def walk(self, until: threading.Event) -> None:
        """Go on until told to stop; what goes wrong is written down."""
        dice, page = random.Random(self.seed), ""
        try:
            with connect(f"ws://{self.address}/_stcore/stream", max_size=None, open_timeout=ANSWER_SECONDS) as line:
                while not until.is_set():
                    page, query = dice.choice(self.pages)
                    asked = time.monotonic()
                    self._ask(line, page, query)
                    self.waits.append(time.monotonic() - asked)
                    self._read(line, page, dice.uniform(1.0, 4.0))
        except (WebSocketException, TimeoutError, OSError) as error:
            self.faults.append(f"{page}: {type(error).__name__}: {error}")

    def _read(self, line: ClientConnection, page: str, seconds: float) -> None:
        over = time.monotonic() + seconds
        while self._due and min(self._due.values()) < over:
            fragment = min(self._due, key=self._due.__getitem__)
            time.sleep(max(0.0, self._due[fragment] - time.monotonic()))
            self._ask(line, page, fragment=fragment)
        time.sleep(max(0.0, over - time.monotonic()))

    def _ask(self, line: ClientConnection, page: str, query: str = "", fragment: str = "") -> None:
        """Ask for a page, or for a fragment of the one that is open, and wait until its script has ended."""
        ask = BackMsg()
        ask.rerun_script.page_name, ask.rerun_script.query_string = page, query
        ask.rerun_script.fragment_id, ask.rerun_script.is_auto_rerun = fragment, bool(fragment)
        line.send(ask.SerializeToString())
        if fragment in self._due:
            self._due[fragment] = time.monotonic() + self._every[fragment]
        said, in_fragment = ForwardMsg(), bool(fragment)
        while said.WhichOneof("type") != "script_finished" or said.script_finished == PLANNED:
            said.ParseFromString(line.recv(timeout=ANSWER_SECONDS))
            if said.WhichOneof("type") == "new_session":
                if not in_fragment:  # the whole page is made anew, and says again what renews itself
                    self._due.clear()
                in_fragment = False
            self._hear(said, page)

    def _hear(self, said: ForwardMsg, page: str) -> None:
        kind = said.WhichOneof("type")
        if kind == "auto_rerun":
            self._every[said.auto_rerun.fragment_id] = said.auto_rerun.interval
            self._due[said.auto_rerun.fragment_id] = time.monotonic() + said.auto_rerun.interval
        elif kind == "page_not_found":
            self.faults.append(f"{page}: there is no such page")
        elif kind == "delta" and said.delta.new_element.WhichOneof("type") == "exception":
            self.faults.append(f"{page}: {said.delta.new_element.exception.message[:200]}")
