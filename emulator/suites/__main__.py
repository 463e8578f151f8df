"""The command line: run suites that others wrote, and compare with what passed before."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from suites import moto_suite, notebook_suite, page, results, sdk_suite
from suites.outcomes import DIFFERS, PASSES, Result
from suites.sources import SourceError

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "suites"
_EXAMPLES = """\
examples:
  python -m suites moto logs events                     two of moto's services
  python -m suites sdk --source ../sdk-clone             from a clone that is there
  python -m suites notebooks v3-pipeline                one notebook of AWS
  python -m suites notebooks --resume                   those that have no result yet
  python -m suites notebooks --resume --renew           keep what passes, and write the page

The outputs of a notebook are in CACHE/notebooks/NAME/files, beside it (.executed.ipynb).
"""
_PARTS = {
    "moto": moto_suite.SERVICES,
    "sdk": tuple(sdk_suite.PARTS),
    "notebooks": tuple(notebook_suite.NOTEBOOKS),
}


def main(arguments: Sequence[str]) -> int:
    """Run the suites and return 0, or 1 if a test that passed before does not."""
    parser = argparse.ArgumentParser(
        prog="python -m suites",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suite", choices=list(_PARTS), help="whose suite")
    parser.add_argument("part", nargs="*", help="parts of it, such as logs; all by default")
    parser.add_argument(
        "--source", type=Path, nargs="+", default=[], help="clones to take it from; else cloned"
    )
    parser.add_argument("--cache", type=Path, default=_CACHE, help="folder for clones and results")
    parser.add_argument("--renew", action="store_true", help="keep the tests that pass now, too")
    parser.add_argument("--resume", action="store_true", help="notebooks: only those not run yet")
    parser.add_argument("-k", help="only tests whose names match, as pytest has it")
    options = parser.parse_args(arguments)
    known = _PARTS[options.suite]
    if unknown := sorted(set(options.part) - set(known)):
        parser.error(f"{', '.join(unknown)}: the parts are {', '.join(known)}")
    cache = options.cache.absolute()
    clones = [clone.absolute() for clone in options.source]
    source = clones[0] if clones else None
    failed = False
    try:
        if options.suite == "notebooks":
            failed = not _run_notebooks(options.part, cache, clones, options)
        else:
            for part in options.part or known:
                name = f"{options.suite}-{part}"
                file = cache / f"{name}.jsonl"
                chosen = ["-k", options.k] if options.k else []
                _run(options.suite, part, cache, source, file, chosen)
                found, log = results.read(file), file.with_suffix(".log")
                passed = _compare(name, found, log, renew=options.renew, whole=not chosen)
                failed = not passed or failed
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    if options.renew:
        page.PAGE.write_text(page.text())
    return int(failed)


def _run_notebooks(
    names: list[str], cache: Path, clones: list[Path], options: argparse.Namespace
) -> bool:
    """Run the notebooks; return whether all that passed before pass.

    Each result is written at once, so that a run that was broken off can be resumed. Results of
    notebooks that are not run now stay.
    """
    file = cache / "notebooks.jsonl"
    cache.mkdir(parents=True, exist_ok=True)
    if not names and not options.resume:
        file.unlink(missing_ok=True)
    done = {result.test for result in results.read(file)} if options.resume else set()
    for name in names or notebook_suite.NOTEBOOKS:
        if name not in done:
            result = notebook_suite.run(name, cache, clones)
            notebook_suite.append(result, file)
            why = "" if result.outcome == PASSES else f": {' '.join(result.why.split())[:600]}"
            print(f"{name}: {result.outcome}{why}", flush=True)
    # Results of notebooks that are no longer among them may still be there.
    found = [each for each in results.read(file) if each.test in notebook_suite.NOTEBOOKS]
    whole = len(found) == len(notebook_suite.NOTEBOOKS)
    log = file.with_suffix("")  # a folder with their outputs
    return _compare("notebooks", found, log, renew=options.renew, whole=whole)


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


def _compare(name: str, found: list[Result], log: Path, *, renew: bool, whole: bool) -> bool:
    """Print how the tests ended; return whether all that passed before pass.

    Args:
        name: The suite's and the part's.
        found: How they ended.
        log: What a person reads who wants to know more.
        renew: Whether to keep the results, if all that passed before do.
        whole: Whether all tests were to run; else only those that did are compared.
    """
    if not found:
        print(f"{name}: no test ran; the reason is in {log}", flush=True)
        return False
    now, kept = results.Kept.from_run(name, found), results.Kept.of(name)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in now.counts.items())
    print(f"{name}: {counts}; log: {log}", flush=True)
    for result in found:
        if result.outcome == DIFFERS:
            print(f"  differs: {result.test}: {' '.join(result.why.split())[:300]}")
    if not whole:
        kept = replace(kept, passes=kept.passes & {result.test for result in found})
    lines = results.lost(kept, found)
    for line in lines:
        print(f"  passed before: {line}")
    if renew and whole and not lines:
        now.write()
    elif new := len(now.passes - kept.passes):
        print(f"  {new} pass that did not before: keep them with RENEW=1")
    return not lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
