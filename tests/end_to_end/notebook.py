"""Run the code cells of a notebook in order, without Jupyter.

For each displayed object it prints the kind and the source.
"""

import json
import sys
import types
from pathlib import Path


def main(file: Path) -> None:
    """Execute the cells in one namespace, until one fails."""
    display = types.ModuleType("IPython.display")
    for kind in ("HTML", "Image", "Markdown"):
        setattr(display, kind, lambda made_from, kind=kind, **size: f"<{kind}> {made_from}")
    display.display = lambda *shown: print(*shown, sep="\n")  # type: ignore[attr-defined]
    sys.modules["IPython"] = types.ModuleType("IPython")
    sys.modules["IPython.display"] = display
    namespace: dict[str, object] = {}
    for number, cell in enumerate(json.loads(file.read_text())["cells"], 1):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{file.name}, cell {number}", "exec"), namespace)


if __name__ == "__main__":
    # Jupyter imports modules from the notebook's folder, not from this script's.
    sys.path.pop(0)
    main(Path(sys.argv[1]))
