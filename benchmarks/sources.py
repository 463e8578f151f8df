"""The `--source` option: where a benchmark reads bin images."""

import argparse
from pathlib import Path

from repository import ROOT

# Beside a developer's checkout. Where it does not exist, --source must name another.
ABID = ROOT.parent / "shared" / "abid"
DEFAULT = str(ABID / "aft-vbi-pds-224")
FURTHER = ABID / "aft-vbi-pds-more-224"  # bins whose class shares are wrong


def folder(text: str) -> Path:
    """Check a local folder of bins from the command line.

    Raises:
        argparse.ArgumentTypeError: It is not laid out like the Amazon Bin Image Dataset.
    """
    path = Path(text).resolve()
    if not (path / "bin-images").is_dir() or not (path / "metadata").is_dir():
        raise argparse.ArgumentTypeError(
            f"{text} has no bin-images/ or no metadata/; name a folder of bins laid out like ABID "
            "(bin-images/ID.jpg, metadata/ID.json)"
        )
    return path


def source(text: str) -> str:
    """Check a folder of bins; an address, which Prepare reads, is returned as it is."""
    return text if "://" in text else str(folder(text))
