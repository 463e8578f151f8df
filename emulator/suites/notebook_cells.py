"""Run a notebook's cells as they are, in the environment whose Python runs this file.

`python notebook_cells.py NAME NOTEBOOK SECONDS` prints a line for each cell that it begins, writes
the notebook with its outputs beside it (`.executed.ipynb`) and, where a cell fails, the failure
(`.failure.json`). It imports nothing of the emulator: the environment is the notebook's.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError


def execute(name: str, file: Path, seconds: float) -> dict[str, str] | None:
    """Run a notebook from the top in its folder; return how a cell failed, if one does.

    Args:
        name: What the lines of progress begin with.
        file: The notebook.
        seconds: The longest that all cells may take together.
    """
    notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    start = time.monotonic()
    begun = 0

    def begin(cell: Any, **_: Any) -> None:
        nonlocal begun
        if cell.cell_type == "code":
            begun += 1
            first = next((line for line in cell.source.splitlines() if line.strip()), "")
            since = time.monotonic() - start
            print(f"{name}: {since:.0f} s: cell {begun} of {len(code)}: {first[:60]}", flush=True)

    client = NotebookClient(
        notebook,
        kernel_name="python3",  # of this environment, whatever the notebook was written with
        timeout_func=lambda _: max(1, int(start + seconds - time.monotonic())),
        on_cell_execute=begin,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(file.parent)}},
    )
    failure = None
    try:
        client.execute()
    except CellExecutionError as error:
        failure = {"error": error.ename, "message": error.evalue, "trace": str(error)}
    except (CellTimeoutError, DeadKernelError) as error:
        failure = {"error": type(error).__name__, "message": str(error), "trace": ""}
    nbformat.write(notebook, file.with_suffix(".executed.ipynb"))  # type: ignore[no-untyped-call]
    if failure is None:
        return None
    return {"cell": f"{begun} of {len(code)}", **failure}


def main() -> None:
    """Run the notebook that the arguments name."""
    name, file, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    if failure := execute(name, file, seconds):
        file.with_suffix(".failure.json").write_text(json.dumps(failure))


if __name__ == "__main__":
    main()
