"""Moments of a run that are kept, so that another run can branch off there: the ends of its stages, and quarters of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from core.common import UnknownName
from core.runs.checkpoints import contents, tensor_bytes
from core.runs.handle import RunHandle
from core.runs.networks import RunShelf
from core.runs.recorder import Recorder
from core.training import Stages, Step

FOLDER, SUFFIX = "moments", ".pt"
MOST_BYTES = 48_000_000  # of all moments of a run
SHORT = 8  # of a stage with fewer steps only the end is kept


@dataclass(frozen=True)
class Moment:
    """One that is kept.

    Attributes
    ----------
    seq
        Number of steps of the run before it, over all stages.
    stage, step, total
        Where in its stage it is.
    """

    seq: int
    stage: str
    step: int
    total: int

    @classmethod
    def of(cls, path: Path) -> Moment:
        seq, _, rest = path.stem.partition("-")
        stage, step, total = rest.rsplit("-", 2)
        return cls(int(seq), unquote(stage), int(step), int(total))

    def path(self, folder: Path) -> Path:
        """Its file in the folder of its run."""
        stage = quote(self.stage, safe=" ")  # methods name their stages as they like
        return folder / FOLDER / f"{self.seq:010d}-{stage}-{self.step}-{self.total}{SUFFIX}"

    @property
    def label(self) -> str:
        """In words."""
        if self.step == self.total:
            return f"end of {self.stage}"
        return f"{self.stage}, step {self.step:,} of {self.total:,}"


def kept_moments(folder: Path) -> list[Moment]:
    """The moments in the folder of a run, in their order."""
    return [Moment.of(path) for path in sorted((folder / FOLDER).glob(f"[0-9]*{SUFFIX}"))]


def moment_at(folder: Path, run_id: str, seq: int) -> Moment:
    """The moment after `seq` steps.

    Raises
    ------
    UnknownName
        If none is kept there.
    """
    kept = {moment.seq: moment for moment in kept_moments(folder)}
    if seq not in kept:
        raise UnknownName(f"moment of {run_id}", str(seq), [str(number) for number in kept])
    return kept[seq]


def is_due(step: Step) -> bool:
    """Whether a moment belongs here: the end of a stage, and every quarter of a longer one."""
    if step.total <= 1:
        return False
    quarters = {round(step.total * part / 4) for part in (1, 2, 3)} if step.total >= SHORT else set()
    return step.step in quarters | {step.total}


def keep_moment(run: RunHandle, stages: Stages, record: Recorder, step: Step, shelf: RunShelf | None) -> None:
    """Write the state as it is, as far as there is room for it.

    Where the room does not last, moments in the middle of earlier stages give way; a state larger than all of it is not kept.

    Raises
    ------
    OSError, StorageError
        If it cannot be written.
    """
    if tensor_bytes(stages.state_dict()) > MOST_BYTES:  # looked at before anything is copied
        return
    content = contents(stages, record, shelf)
    if content is None:
        return
    files = {moment: moment.path(run.folder).stat().st_size for moment in kept_moments(run.folder)}
    room = MOST_BYTES - sum(files.values())
    for moment, size in files.items():
        if room >= len(content):
            break
        if moment.step != moment.total:
            moment.path(run.folder).unlink(missing_ok=True)
            room += size
    if room < len(content):
        return
    place = Moment(record.seq, step.stage, step.step, step.total)
    with run.writing(str(place.path(Path()))) as file:
        file.write(content)
