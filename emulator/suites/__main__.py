"""The command line: run suites that others wrote, and compare with what passed before."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from suites import moto_suite, page, results
from suites.outcomes import DIFFERS
from suites.sources import SourceError

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "suites"


def main(arguments: Sequence[str]) -> int:
    """Run the suites and return 0, or 1 if a test that passed before does not."""
    parser = argparse.ArgumentParser(prog="python -m suites", description=__doc__)
    parser.add_argument("suite", choices=["moto"], help="whose suite")
    parser.add_argument("part", nargs="*", help="parts of it, such as logs; all by default")
    parser.add_argument("--source", type=Path, help="clone to take it from; else it is cloned")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="folder for clones and results")
    parser.add_argument("--renew", action="store_true", help="keep the tests that pass now, too")
    parser.add_argument("-k", help="only tests whose names match, as pytest has it")
    options = parser.parse_args(arguments)
    parts = options.part or moto_suite.SERVICES
    if unknown := sorted(set(parts) - set(moto_suite.SERVICES)):
        parser.error(f"{', '.join(unknown)}: the parts are {', '.join(moto_suite.SERVICES)}")
    cache = options.cache.absolute()
    source = options.source and options.source.absolute()
    try:
        folder = moto_suite.prepare(cache, source)
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    extra = ["-k", options.k] if options.k else []

    def run(part: str, file: Path) -> None:
        moto_suite.run(part, folder, cache, file, extra)

    status = _compare("moto", parts, cache, run, renew=options.renew, whole=not extra)
    if options.renew:
        page.PAGE.write_text(page.text())
    return status


def _compare(
    suite: str,
    parts: Iterable[str],
    cache: Path,
    run: Callable[[str, Path], None],
    *,
    renew: bool,
    whole: bool,
) -> int:
    failed = False
    for part in parts:
        name = f"{suite}-{part}"
        file = cache / f"{name}.jsonl"
        file.unlink(missing_ok=True)
        run(part, file)
        found = results.read(file)
        now, kept = results.Kept.from_run(name, found), results.Kept.of(name)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in now.counts.items())
        print(f"{name}: {counts}; log: {file.with_suffix('.log')}", flush=True)
        for result in found:
            if result.outcome == DIFFERS:
                print(f"  differs: {result.test}: {' '.join(result.why.split())[:300]}")
        if not whole:
            continue
        lines = results.lost(kept, found)
        for line in lines:
            print(f"  passed before: {line}")
        failed = failed or bool(lines)
        if renew and not lines:
            now.write()
        elif new := len(now.passes - kept.passes):
            print(f"  {new} pass that did not before: keep them with RENEW=1")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
