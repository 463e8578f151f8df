"""Watch what the endpoint answers: has anything changed since the test of the serving model?

Inputs under <root>/processing/input, where <root> is $OPT_ML or /opt/ml:
    capture    what the endpoint's data capture keeps: <endpoint>/<variant>/yyyy/mm/dd/hh/*.jsonl
    baselines  <model>.json of Evaluate, for each model
    audits     the log of audits; may be missing
Output in <root>/processing/output/watch:
    watch.json   every check with its numbers, and whether anything is raised
    watch.html   the same on one page
CloudWatch gets the metrics of watching/published.py.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import processing_job
from counts import Classes
from watching import audited, baseline, captured, checks, published, report, retraining, verdict
from watching.baseline import Baseline
from watching.measures import Answer

DAYS = 7
LATEST = 100  # answers, of which most are by the model that serves


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the step; 1 and a message if an input cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--endpoint", required=True, help="name of the endpoint")
    parser.add_argument("--variant", default="AllTraffic", help="its variant that serves")
    parser.add_argument("--days", type=_days, default=DAYS, help="length of the window")
    parser.add_argument(
        "--false-alarms", type=processing_job.share, default=checks.FALSE_ALARMS,
        help="probability that a run raises anything although nothing has changed",
    )  # fmt: skip
    parser.add_argument(
        "--retrain", default="", metavar="PIPELINE",
        help="pipeline to start if anything has changed; default: none",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    root = Path(os.environ.get("OPT_ML", "/opt/ml"))
    now = datetime.now(UTC)
    try:
        changed = watch(
            root / "processing/input",
            root / "processing/output/watch",
            options.endpoint,
            options.variant,
            now - timedelta(days=options.days),
            now,
            options.false_alarms,
        )
        if changed and options.retrain:
            since = now - timedelta(days=options.days)
            print(retraining.start(options.retrain, since, now), flush=True)
    except (baseline.BaselineError, published.PublishError, retraining.RetrainError) as error:
        return processing_job.fail(root, "watch", error)
    return 0


def watch(
    inputs: Path,
    output: Path,
    endpoint: str,
    variant: str,
    since: datetime,
    until: datetime,
    false_alarms: float = checks.FALSE_ALARMS,
) -> bool:
    """Compare a window of answers with the baseline; return whether anything has changed.

    Everything is written and sent.

    Args:
        inputs: the channels.
        output: the folder to write in.
        endpoint: the endpoint's name.
        variant: the variant that serves.
        since: the beginning of the window, with a time zone.
        until: its end.
        false_alarms: the probability that anything is raised although nothing has changed.

    Raises:
        BaselineError: the baseline of the serving model cannot be read.
        PublishError: CloudWatch did not take the metrics.
    """
    found = captured.read(inputs / "capture" / endpoint / variant, since, until)
    model, answers, others = serving(found.answers)
    known = _baseline(inputs / "baselines", model)
    audits = _audits(inputs / "audits", since, until, answers, known) if known else None
    results = checks.run(known, answers, audits, false_alarms) if known and answers else []
    document: dict[str, Any] = {
        "version": 1,
        "endpoint": endpoint,
        "variant": variant,
        "model": model,
        "since": since.isoformat(timespec="seconds"),
        "until": until.isoformat(timespec="seconds"),
        "false_alarms": false_alarms,
        "answers": len(answers),
        "left_out": {
            "of other models": others,
            "of another time": found.outside,
            "unreadable": found.unreadable,
            "unreadable audits": audits.unreadable if audits else 0,
        },
        "test_images": known.images if known else 0,
        "raised": [check.name for check in results if check.raised],
        "changes": sum(check.raised for check in results),
        "checks": [asdict(check) for check in results],
    }
    document |= verdict.describe(results, len(answers), model, known is not None)
    output.mkdir(parents=True, exist_ok=True)
    (output / "watch.json").write_text(json.dumps(document, indent=1))
    (output / "watch.html").write_text(report.render(document), encoding="utf-8")
    print(verdict.text(document), flush=True)
    for check in results:
        if check.name not in report.SHARES:
            print(published.log_line(endpoint, check, until), flush=True)
    published.put(endpoint, published.metrics(results, len(answers)), until)
    return bool(document["raised"])


def serving(
    answers: Sequence[tuple[datetime, Answer]],
) -> tuple[str | None, list[Answer], int]:
    """The model that serves, its answers, and how many are of other models.

    It is the one of most of the latest answers, as two answer while traffic is shifted. A model of
    an earlier version does not say which it is.
    """
    if not answers:
        return None, [], 0
    latest = Counter(answer.get("model") for _, answer in answers[-LATEST:])
    ((model, _),) = latest.most_common(1)
    of_model = [answer for _, answer in answers if answer.get("model") == model]
    return model, of_model, len(answers) - len(of_model)


def _baseline(folder: Path, model: str | None) -> Baseline | None:
    """The baseline of a model; None where Evaluate wrote none."""
    if model is None or not re.fullmatch(r"[0-9a-f]{12}", model):
        return None
    file = folder / f"{model}.json"
    if not file.is_file():
        return None
    try:
        return baseline.read(json.loads(file.read_text()))
    except json.JSONDecodeError as error:
        raise baseline.BaselineError(
            f"{file} is not JSON ({error}); run Evaluate again to write it"
        ) from error


def _audits(
    folder: Path, since: datetime, until: datetime, answers: Sequence[Answer], known: Baseline
) -> audited.Audited | None:
    entries, unreadable = audited.read(folder, since, until)
    verdicts: Mapping[str, int] = Counter(str(answer.get("verdict")) for answer in answers)
    names = known.classes
    classes = Classes(tuple(int(name.rstrip("+")) for name in names), names[-1].endswith("+"))
    return audited.group(entries, verdicts, classes, unreadable)


def _days(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 365:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of days above 0, at most 365")
    return value


if __name__ == "__main__":
    processing_job.end_when_stopped()
    sys.exit(main())
