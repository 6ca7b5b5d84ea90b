"""When a run has proof that what it wants is so: one look of EC2's can be old, also a single entry of it. Pure.

EC2 promises that a look shows a change in the end, not at once: "Eventual consistency",
docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html. So an entry that looks right is believed when this
run has changed it itself and EC2 has accepted that, or when all looks over CONFIRM_PAUSE seconds show it right.
"""

from __future__ import annotations

from collections.abc import Iterable

CONFIRM_PAUSE = 1.0  # seconds between two looks that are to prove the same


class Evidence:
    """What the looks of one run have shown to be right, by entry. Times are seconds of the run."""

    def __init__(self) -> None:
        self._changed: set[str] = set()
        self._right: dict[str, float] = {}  # since which look all looks have shown it right
        self._began = 0.0

    def saw(self, right: Iterable[str], began: float, ended: float) -> None:
        """A look between these seconds shows these entries right, and no others."""
        self._right = {each: self._right.get(each, ended) for each in right}
        self._changed.intersection_update(self._right)
        self._began = began

    def changed(self, entries: Iterable[str]) -> None:
        """This run has changed these, and EC2 has accepted it."""
        self._changed.update(entries)

    def pause(self, now: float) -> float | None:
        """The seconds until another look would be proof, 0 and more; None: the last one was.

        A look shows what was so at some moment of it, or shortly before: so from the end of one to the beginning of
        another it must be CONFIRM_PAUSE.
        """
        unproven = [since + CONFIRM_PAUSE for each, since in self._right.items() if each not in self._changed]
        late = max(unproven, default=0.0)
        return max(0.0, late - now) if self._began < late else None
