"""The README names every member that is kept and has no effect, and no other."""

import re
from pathlib import Path

from sagemaker_emulator import serve
from sagemaker_emulator.aws.dispatch import kept

README = Path(__file__).parents[2] / "README.md"


def test_members_without_effect_are_in_the_readme() -> None:
    assert serve.OPERATIONS  # their import registers the operations
    section = README.read_text().partition("### Kept without effect\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    in_code = {
        path.rpartition(".")[2]
        for (service, _), paths in kept.items()
        for path in paths
        if service == "sagemaker"
    }
    assert named == in_code
