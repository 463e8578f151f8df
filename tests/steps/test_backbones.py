"""The list of backbones that commands check names against is that of the training image's timm.

After another timm:  RENEW=1 .venv-steps/bin/python -m pytest tests/steps/test_backbones.py
"""

import os
from collections import defaultdict
from pathlib import Path

import pytest

import network

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "pipelines" / "settings" / "backbones.txt"


def test_the_commands_know_the_backbones_of_the_training_image() -> None:
    import timm

    tags = defaultdict(list)
    for name, _, tag in (weights.partition(".") for weights in timm.list_pretrained()):
        tags[name].append(tag)
    lines = [" ".join([name, *tags[name]]) for name in timm.list_models()]
    text = "".join(f"{line}\n" for line in lines)
    if os.environ.get("RENEW"):
        LIST.write_text(text, encoding="ascii")
    assert LIST.read_text(encoding="ascii") == text


@pytest.mark.parametrize(
    "name", ["resnet50", "efficientnet_lite0", "vit_tiny_patch16_224.augreg_in21k"]
)
def test_a_listed_backbone_is_accepted_by_a_training(name: str) -> None:
    names = {line.split()[0] for line in LIST.read_text(encoding="ascii").splitlines()}
    assert name.partition(".")[0] in names
    network.require_backbone(name)


def test_the_commands_name_the_same_torchvision_networks() -> None:
    source = (ROOT / "pipelines" / "settings" / "backbones.py").read_text()
    listed = ", ".join(f'"{name}"' for name in network.RESNETS)
    assert f"RESNETS = ({listed})" in source
