"""The command line: run suites that others wrote, and compare with what passed before."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from suites import moto_suite, page, results, sdk_suite
from suites.outcomes import DIFFERS
from suites.sources import SourceError

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "suites"
_PARTS = {"moto": moto_suite.SERVICES, "sdk": tuple(sdk_suite.PARTS)}


def main(arguments: Sequence[str]) -> int:
    """Run the suites and return 0, or 1 if a test that passed before does not."""
    parser = argparse.ArgumentParser(prog="python -m suites", description=__doc__)
    parser.add_argument("suite", choices=list(_PARTS), help="whose suite")
    parser.add_argument("part", nargs="*", help="parts of it, such as logs; all by default")
    parser.add_argument("--source", type=Path, help="clone to take it from; else it is cloned")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="folder for clones and results")
    parser.add_argument("--renew", action="store_true", help="keep the tests that pass now, too")
    parser.add_argument("-k", help="only tests whose names match, as pytest has it")
    options = parser.parse_args(arguments)
    known = _PARTS[options.suite]
    if unknown := sorted(set(options.part) - set(known)):
        parser.error(f"{', '.join(unknown)}: the parts are {', '.join(known)}")
    cache = options.cache.absolute()
    source = options.source and options.source.absolute()
    failed = False
    try:
        for part in options.part or known:
            name = f"{options.suite}-{part}"
            file = cache / f"{name}.jsonl"
            _run(options.suite, part, cache, source, file, ["-k", options.k] if options.k else [])
            failed = not _compare(name, file, renew=options.renew, whole=not options.k) or failed
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    if options.renew:
        page.PAGE.write_text(page.text())
    return int(failed)


def _run(
    suite: str, part: str, cache: Path, source: Path | None, file: Path, arguments: list[str]
) -> None:
    file.unlink(missing_ok=True)
    if suite == "moto":
        folder = moto_suite.prepare(cache, source)
        moto_suite.run(part, folder, cache, file, arguments)
    else:
        folder = sdk_suite.prepare(sdk_suite.PARTS[part], cache, source)
        sdk_suite.run(part, folder, cache, file, arguments)


def _compare(name: str, file: Path, *, renew: bool, whole: bool) -> bool:
    """Print how the tests ended; return whether all that passed before pass."""
    found = results.read(file)
    if not found:
        print(f"{name}: no test ran; the reason is in {file.with_suffix('.log')}", flush=True)
        return False
    now, kept = results.Kept.from_run(name, found), results.Kept.of(name)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in now.counts.items())
    print(f"{name}: {counts}; log: {file.with_suffix('.log')}", flush=True)
    for result in found:
        if result.outcome == DIFFERS:
            print(f"  differs: {result.test}: {' '.join(result.why.split())[:300]}")
    if not whole:
        return True
    lines = results.lost(kept, found)
    for line in lines:
        print(f"  passed before: {line}")
    if renew and not lines:
        now.write()
    elif new := len(now.passes - kept.passes):
        print(f"  {new} pass that did not before: keep them with RENEW=1")
    return not lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
