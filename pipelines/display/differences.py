"""What an upsert would change, as a person reads it."""

from collections.abc import Iterator

from pipelines.executions.difference import Difference

COMMAND = "python pipeline.py upsert"
INDENT = "  "


def render(difference: Difference) -> str:
    """The changes step by step, then which cached steps run again, and why."""
    return "\n".join(_lines(difference))


def _lines(difference: Difference) -> Iterator[str]:
    if difference.creates:
        steps = [part for part, changes in difference.changes.items() if changes[0].what == "step"]
        yield f"There is no pipeline yet. `{COMMAND}` would create it, with the steps"
        yield f"{INDENT}{', '.join(steps)}"
        yield "and the parameters that `python pipeline.py parameters` lists."
        return
    if not difference.changes:
        yield "Nothing would change: the pipeline is the one of this code and these settings."
        return
    yield f"`{COMMAND}` would change:"
    for part, changes in difference.changes.items():
        if len(changes) == 1 and changes[0].what == "step":
            yield f"{INDENT}{part} is {changes[0].after}"
            continue
        yield f"{INDENT}{part}"
        yield from (f"{2 * INDENT}{change}" for change in changes)
    if difference.again:
        yield "With the same parameters, these steps run again, and are not taken from the cache:"
        width = max(map(len, difference.again))
        yield from (f"{INDENT}{name:<{width}}  {why}" for name, why in difference.again.items())
    if difference.cached:
        yield (
            f"Taken from the cache, if they have run with the same parameters: "
            f"{', '.join(difference.cached)}."
        )
