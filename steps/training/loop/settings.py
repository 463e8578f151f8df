"""What one fitting is told; names as in the hyperparameters."""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Settings:
    """How the weights are changed, and how many images at once.

    Attributes:
        bfloat16: whether the network computes in it.
    """

    lr: float
    batch_size: int
    epochs: int
    image_size: int
    test_batch_size: int
    weight_decay: float
    head_rate: float
    schedule: str
    mixup: float
    balanced: bool
    growing: bool
    bfloat16: bool
    compile: bool
    seed: int

    @staticmethod
    def of(options: argparse.Namespace, device: torch.device) -> Settings:
        """Those that the hyperparameters choose, on this device."""
        chosen = {
            field.name: getattr(options, field.name)
            for field in dataclasses.fields(Settings)
            if hasattr(options, field.name)
        }
        if not options.pretrained:
            chosen["head_rate"] = 1.0  # then nothing is older than the head
        # Older GPUs (a T4, say) only emulate it, without cuDNN and so several times slower.
        native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        auto = "bfloat16" if native else "float32"
        precision = auto if options.precision == "auto" else options.precision
        return Settings(**chosen, bfloat16=precision == "bfloat16")

    def precision(self, device: torch.device) -> torch.autocast:
        """Inside it, networks compute as precisely as is set."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bfloat16)
