"""Training steps with the memory that is freed kept, and given back as glibc does by itself.

Each turn is a process of its own, which trains the network of `make demo` on a processor; the turns
alternate, and their ratios are what counts. Run:
    .venv-steps/bin/python benchmarks/freed_memory.py [--backbone NAME] [--image-size PIXELS]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "steps"))

import torch  # noqa: E402
from torch.nn import functional  # noqa: E402

import network  # noqa: E402
from training.machine import memory  # noqa: E402
from training.model import freezing  # noqa: E402

BATCH, WARM, STEPS, TURNS = 32, 5, 30, 4


def speed(backbone: str, size: int) -> tuple[float, float]:
    """Of whole training steps with the stem and two stages frozen: images/s, MB filled by step."""
    model = network.build(backbone, 10)
    frozen = freezing.first_parts(model, 2, backbone)
    freezing.freeze(frozen)
    freezing.training_mode(model.to(memory_format=torch.channels_last), frozen)
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=1e-4, fused=True)
    images = torch.rand(BATCH, 3, size, size).to(memory_format=torch.channels_last)
    levels = torch.randint(10, (BATCH,))
    begun, filled = 0.0, 0
    for step in range(WARM + STEPS):
        if step == WARM:
            begun, filled = time.monotonic(), faults()
        optimizer.zero_grad()
        functional.cross_entropy(model(images), levels).backward()
        optimizer.step()
    seconds = time.monotonic() - begun
    return STEPS * BATCH / seconds, (faults() - filled) * resource.getpagesize() / STEPS / 1e6


def faults() -> int:
    """Pages that the kernel has filled for this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main() -> None:
    """Take turns, or take one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default=network.SHIPPED)
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--turn", choices=("kept", "returned"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        if options.turn == "kept":
            memory.keep_freed()
        print(*speed(options.backbone, options.image_size))
        return
    ratios = []
    for turn in range(1, TURNS + 1):
        found = {}
        for how in ("returned", "kept"):
            done = subprocess.run(
                [sys.executable, __file__, "--turn", how, "--backbone", options.backbone,
                 "--image-size", str(options.image_size)],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            found[how] = [float(word) for word in done.stdout.split()]
        (plain, filled), (kept, hardly) = found["returned"], found["kept"]
        ratios.append(kept / plain)
        print(
            f"turn {turn} of {TURNS}: given back {plain:.0f} images/s, {filled:.0f} MB filled by "
            f"step; kept {kept:.0f} images/s, {hardly:.0f} MB: {ratios[-1]:.2f} times",
            flush=True,
        )
    print(f"{options.backbone} at {options.image_size} px: {statistics.median(ratios):.2f} times")


if __name__ == "__main__":
    main()
