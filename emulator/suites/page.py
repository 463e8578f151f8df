"""The page that shows how many tests of others pass, from the results that are kept."""

from collections.abc import Sequence
from pathlib import Path

from suites import notebook_data, notebook_suite
from suites.moto_suite import SERVICES
from suites.outcomes import DIFFERS, NOT_APPLICABLE, NOT_THERE, PASSES, SKIPPED, Reasons
from suites.results import FOLDER, Kept
from suites.sdk_suite import PARTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "emulator-suites.md"
_REASONS = Path(__file__).parent / "reasons"
_HEAD = """\
# Suites that others wrote, on the emulator

Tests of [moto](https://github.com/getmoto/moto) and integration tests of the
[SageMaker SDK](https://github.com/aws/sagemaker-python-sdk) run against the emulator as they are,
and [notebooks](#notebooks) of AWS.
They are fetched when they run and are not part of this repository:

```
make test-moto                              # all; PART="logs events" runs some of them
make test-sdk                               # the SDK's, versions 2 and 3
make test-notebooks                         # AWS's notebooks; PART="v3-pipeline", RESUME=1
make test-moto SOURCE=../moto               # from a clone that is there already
make test-moto RENEW=1                      # keep what passes now, and write this page
```

A run fails if a test that passed before does not pass now; `emulator/suites/results/` lists them.
In the copies, one region stands for all regions, and values with which AWS refuses a request
(the roles of models, a bucket in capitals, an empty pipeline, a model without container) and the
images of algorithms whose code AWS does not publish are replaced: `replacements` in
`emulator/suites/moto_suite.py`.
Each of moto's tests, each part of the SDK's and each notebook gets an empty emulator of its own.
Where the SDK's tests build an image of Python and the SDK with Docker, a folder of packages stands
for it: `emulator/suites/sdk_containers.py`.

| outcome | the test |
|---|---|
| passes | passes |
| differs | fails because the emulator is wrong, or nobody has looked yet |
| not there | needs an operation or a member that the emulator refuses by name |
| not applicable | sends what AWS refuses, or looks into moto itself; \
[the reasons](../emulator/suites/reasons) |
| skipped | skips itself; of moto's, in server mode |

## Counts
"""

_NOTEBOOKS_HEAD = """\
## Notebooks

Each runs whole, every cell as it is, in a fresh environment.
The environment has the major version of the SDK that the notebook was written for, and a cell that
upgrades the SDK stays within it.
A notebook passes if every cell does and what it started (jobs, executions, endpoints) ends well:
completed, succeeded, in service or stopped.
What a cell deletes is not looked at afterwards.
What fails by the notebook's own design may fail: a regular expression of its failure.
Instead of AWS's public buckets, which are not asked, the emulator has buckets of the same names \
with drawn data, in the columns that the notebooks read: {buckets}.
"""
_REASONS_HEAD = """\
## Reasons

Why tests that fail are not applicable, as somebody found.
A reason that says what AWS does names its source, or says that it has none: then it is our reading.
"""


def text(folder: Path = FOLDER) -> str:
    """The page as it should be."""
    kept = [Kept.of(file.stem, folder) for file in sorted(folder.glob("*.txt"))]
    columns = (PASSES, DIFFERS, NOT_THERE, NOT_APPLICABLE, SKIPPED)
    rows = [(each.suite, *(str(each.counts[column]) for column in columns)) for each in kept]
    absent = [
        (each.suite, ", ".join(f"{name.split()[-1]} {count}" for name, count in found))
        for each in kept
        if (found := list(each.absent.items()))
    ]
    parts = [_HEAD, _table(("suite", *columns), rows)]
    defined = {
        "notebooks",
        *(f"moto-{part}" for part in SERVICES),
        *(f"sdk-{part}" for part in PARTS),
    }
    if never := sorted(defined - {each.suite for each in kept}):
        parts.append(f"No run of these was kept yet: {', '.join(never)}.\n")
    parts.append(
        "\n## What is not there\n\n"
        "Operations that refuse what tests need, with the number of tests: "
        "the operation itself is not there, or only a member or a value of its request.\n"
    )
    parts.append(_table(("suite", "operations"), absent))
    parts.append(_NOTEBOOKS_HEAD.format(buckets=", ".join(notebook_data.BUCKETS)))
    passing = next((each.passes for each in kept if each.suite == "notebooks"), frozenset())
    shown = [
        (
            name,
            f"{each.path.rpartition('/')[2]} of {each.source.repository.removeprefix('https://github.com/')}",
            "yes" if name in passing else "no",
            f"`{each.fails}`" if each.fails else "",
        )
        for name, each in notebook_suite.NOTEBOOKS.items()
    ]
    parts.append(_table(("notebook", "is", "passes", "what may fail"), shown))
    parts.append(_REASONS_HEAD)
    for file in sorted(_REASONS.glob("*.txt")):
        reasons = Reasons.read(file)
        decided = dict.fromkeys([*reasons.errors.values(), *reasons.tests.values()])
        parts.append(_table((file.stem, "reason"), list(decided)))
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, *rows]
    shown = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([shown[0], "|---" * len(head) + "|", *shown[1:], ""])
