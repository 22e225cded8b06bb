"""What came of the same cases here and there: those that agree, and those of each known difference."""
import collections
import json
from collections.abc import Callable, Sequence
from typing import Any

Difference = tuple[str, str, Callable[..., bool]]  # its name, why it is, whether a case with both results belongs to it


class Tally:
    def __init__(self, differences: Sequence[Difference], show: str | None):
        self.differences = differences
        self.show = show or "none"
        self.counts: collections.Counter[str] = collections.Counter()
        self.results: collections.Counter[str] = collections.Counter()

    def take(self, case: Any, ours: Any, theirs: Any, *, result: str, same: bool, words: str) -> None:
        """`result` is ours in a word; `words` show both where nothing explains the difference."""
        self.results[result] += 1
        if same:
            self.counts["same"] += 1
            return
        kind = next((name for name, _, belongs in self.differences if belongs(case, ours, theirs)), "none")
        self.counts[kind] += 1
        if kind == self.show:
            print(("FAILED " if kind == "none" else "") + json.dumps(case), words)

    def end(self) -> int:
        """Says what there was; the exit status."""
        for name, why, _ in self.differences:
            if self.counts[name]:
                print(f"{self.counts[name]:5}  {name}: {why}")
        print("results:", ", ".join(f"{name} {number}" for name, number in sorted(self.results.items())))
        failed = self.counts["none"]
        print(f"{self.counts.total() - failed} passed, {failed} failed, 0 skipped")
        return 1 if failed else 0
