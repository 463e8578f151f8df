"""What is kept of a suite's run: the tests that pass, which may only grow, and the counts."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from suites.outcomes import DIFFERS, NOT_APPLICABLE, NOT_THERE, PASSES, SKIPPED, Result

FOLDER = Path(__file__).parent / "results"
_OPERATION = re.compile(r"([a-z][\w-]* [A-Z]\w*): ")  # with which an error response begins
OUTCOMES = (PASSES, DIFFERS, NOT_THERE, NOT_APPLICABLE, SKIPPED)


@dataclass(frozen=True)
class Kept:
    """The last results of a suite that were kept.

    Attributes:
        suite: Its name, such as `moto-logs`.
        passes: The tests that pass.
        counts: How many tests ended how.
        absent: How many tests need each operation that is not there.
    """

    suite: str
    passes: frozenset[str] = frozenset()
    counts: dict[str, int] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, suite: str, folder: Path = FOLDER) -> "Kept":
        """What a suite's files hold; nothing where it was never kept."""
        passes, counts = folder / f"{suite}.txt", folder / f"{suite}.json"
        if not passes.exists():
            return cls(suite)
        about = json.loads(counts.read_text())
        found = frozenset(passes.read_text().splitlines())
        return cls(suite, found, about["counts"], about["absent"])

    @classmethod
    def from_run(cls, suite: str, results: Iterable[Result]) -> "Kept":
        """What would be kept of a run."""
        results = list(results)
        counts = Counter(result.outcome for result in results)
        absent = Counter(
            found.group(1)
            for result in results
            if result.outcome == NOT_THERE and (found := _OPERATION.match(result.why))
        )
        return cls(
            suite,
            frozenset(result.test for result in results if result.outcome == PASSES),
            {outcome: counts[outcome] for outcome in OUTCOMES},
            dict(sorted(absent.items(), key=lambda item: (-item[1], item[0]))),
        )

    def write(self, folder: Path = FOLDER) -> None:
        """Keep it."""
        folder.mkdir(exist_ok=True)
        (folder / f"{self.suite}.txt").write_text("".join(f"{t}\n" for t in sorted(self.passes)))
        about = {"counts": self.counts, "absent": self.absent}
        (folder / f"{self.suite}.json").write_text(json.dumps(about, indent=2) + "\n")


def read(file: Path) -> list[Result]:
    """The results that a run wrote; of a test that ran twice, the last."""
    lines = file.read_text().splitlines() if file.exists() else []
    results = [Result(**json.loads(line)) for line in lines]
    return list({result.test: result for result in results}.values())


def lost(kept: Kept, results: Iterable[Result]) -> list[str]:
    """The tests that passed when results were kept and do not now, with the reason."""
    ended = {result.test: result for result in results}
    missing = []
    for test in sorted(kept.passes):
        result = ended.get(test, Result(test, "was not run"))
        if result.outcome != PASSES:
            missing.append(f"{test}: {result.outcome}: {result.why}")
    return missing
