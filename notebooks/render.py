"""Execute a notebook, and write it with its results as Markdown.

`make notebook` renders `sagemaker.ipynb` on drawn bins into docs/. The tests execute it with tiny
values. The notebook's own file is never changed: in the repository it has no outputs.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import DictLoader
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
INJECTED = "injected"  # the id of the cell with other values
TAG = "parameters"  # of the cell after which other values are put, as papermill does
# Output in fences, which keep their line breaks, and pictures with the text that describes them.
TEMPLATE = """{% extends 'markdown/index.md.j2' %}
{% block input %}
```{{ cell.metadata.get('magics_language', 'python') }}
{{ cell.source }}
```
{% endblock input %}
{% block stream %}
{% if output.text.strip() %}
```text
{{ output.text.strip('\\n') }}
```
{% endif %}
{% endblock stream %}
{% block data_text %}
```text
{{ output.data['text/plain'] }}
```
{% endblock data_text %}
{% block data_png %}
![{{ output.metadata['image/png']['alt'] }}]({{ output.metadata.filenames['image/png'] }})
{% endblock data_png %}
"""
# What differs each time and says nothing: times in names, of lines and of days, rates, ports.
VARYING = (
    (re.compile(r"-20\d{12,15}(-\w{4})?\b"), ""),
    (re.compile(r"^\d\d:\d\d:\d\d ", re.M), ""),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d"), "today"),
    (re.compile(r" \[\d\d:\d\d<[^]]*\]"), ""),
    # A progress bar that other output has cut: its last state comes later.
    (re.compile(r"^```text\n[^\n]*\b\d?\d%\|[^\n]*\n```\n+", re.M), ""),
    (re.compile(r"\r$", re.M), ""),
    (re.compile(r"(127\.0\.0\.1):\d+"), r"\1:5580"),
    (re.compile(r" +$", re.M), ""),
    (re.compile(r"\n{4,}"), "\n\n\n"),
)


def execute(
    file: Path,
    values: Mapping[str, Any],
    environment: Mapping[str, str],
    seconds: int = 3600,
    last: str | None = None,
) -> NotebookNode:
    """Execute a notebook from the top in its folder, and return it with its outputs.

    Args:
        file: The notebook, with a cell that is tagged `parameters`.
        values: Values of variables, set after that cell.
        environment: The environment of the kernel.
        seconds: The longest that one cell may take.
        last: The id of the last cell; None for all of them.

    Raises:
        CellExecutionError: A cell has raised an error.
    """
    notebook = nbformat.read(file, as_version=4)
    if last is not None:
        ids = [cell.id for cell in notebook.cells]
        del notebook.cells[ids.index(last) + 1 :]
    tagged = [TAG in cell.metadata.get("tags", []) for cell in notebook.cells]
    lines = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    if lines:
        injected = nbformat.v4.new_code_cell(lines, id=INJECTED)
        notebook.cells.insert(tagged.index(True) + 1, injected)
    client = NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        resources={"metadata": {"path": str(file.parent)}},
        on_cell_executed=lambda cell, cell_index, **_: print(
            f"\r{file.name}: cell {cell_index + 1} of {len(notebook.cells)}",
            end="", file=sys.stderr, flush=True,
        ),
    )  # fmt: skip
    client.execute(env=dict(environment))
    print(file=sys.stderr)
    return notebook


def markdown(notebook: NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """Return an executed notebook as Markdown for docs/, and its pictures by file name.

    What only says when and where it was executed is left out.

    Args:
        notebook: With its outputs.
        name: The beginning of the pictures' file names.
    """
    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})
    exporter = MarkdownExporter(
        extra_loaders=[DictLoader({"rendered": TEMPLATE})], template_file="rendered"
    )
    text, resources = exporter.from_notebook_node(
        notebook, {"unique_key": name, "output_files_dir": "images"}
    )
    text = text.replace(f"{ROOT}/", "").replace(str(ROOT), ".").replace("](../docs/", "](")
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    text = text.strip() + "\n"
    pictures = {}
    for number, (file, content) in enumerate(resources["outputs"].items(), 1):
        pictures[f"{name}-{number}.png"] = content
        text = text.replace(file, f"images/{name}-{number}.png")
    return text, pictures


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("output", type=Path, help="the Markdown file; pictures go beside it")
    parser.add_argument(
        "--values", type=json.loads, default={}, metavar="JSON", help="of the notebook's parameters"
    )
    options = parser.parse_args(arguments)
    executed = execute(options.notebook, options.values, os.environ)
    executed.cells = [cell for cell in executed.cells if cell.id != INJECTED]
    text, pictures = markdown(executed, options.output.stem)
    folder = options.output.parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{options.output.stem}-*.png"):
        old.unlink()
    for file, content in pictures.items():
        small = Image.open(BytesIO(content)).convert("RGB").quantize(256)
        small.save(folder / file, optimize=True)
    options.output.write_text(text)
    print(f"{options.output} and {len(pictures)} pictures in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
