"""Training speed on a CPU when the process keeps freed memory, instead of returning it.

glibc by default returns freed memory to the system. Each turn trains the network of `make demo` in
a process of its own; the two settings alternate. Compare their ratios.

    .venv-steps/bin/python benchmarks/freed_memory.py [--backbone NAME] [--image-size PIXELS]
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import repository  # noqa: F401 makes steps/ importable
import torch
from torch.nn import functional

import network
from training.machine import memory
from training.model import freezing

BATCH, WARM, STEPS, TURNS = 32, 5, 30, 4


def speed(backbone: str, size: int) -> tuple[float, float]:
    """Images per second, and MB of new pages per step, with the stem and two stages frozen."""
    model = network.build(backbone, 10)
    frozen = freezing.first_parts(model, 2, backbone)
    freezing.freeze(frozen)
    freezing.training_mode(model.to(memory_format=torch.channels_last), frozen)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    images = torch.rand(BATCH, 3, size, size).to(memory_format=torch.channels_last)
    levels = torch.randint(10, (BATCH,))
    started, pages = 0.0, 0
    for step in range(WARM + STEPS):
        if step == WARM:
            started, pages = time.monotonic(), page_faults()
        optimizer.zero_grad()
        functional.cross_entropy(model(images), levels).backward()
        optimizer.step()
    seconds = time.monotonic() - started
    return STEPS * BATCH / seconds, (page_faults() - pages) * resource.getpagesize() / STEPS / 1e6


def page_faults() -> int:
    """New pages that the kernel has given this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main() -> None:
    """Run all turns, or one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default=network.SHIPPED, help="timm model name")
    parser.add_argument("--image-size", type=int, default=160, help="pixels (default: 160)")
    parser.add_argument("--turn", choices=("kept", "returned"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        if options.turn == "kept":
            memory.keep_freed()
        print(*speed(options.backbone, options.image_size))
        return
    ratios = []
    for turn in range(1, TURNS + 1):
        speeds = {}
        for setting in ("returned", "kept"):
            done = subprocess.run(
                [sys.executable, __file__, "--turn", setting, "--backbone", options.backbone,
                 "--image-size", str(options.image_size)],
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            speeds[setting] = [float(word) for word in done.stdout.split()]
        (returned, many), (kept, few) = speeds["returned"], speeds["kept"]
        ratios.append(kept / returned)
        print(
            f"turn {turn} of {TURNS}: returned {returned:.0f} images/s, {many:.0f} MB of new pages "
            f"per step; kept {kept:.0f} images/s, {few:.0f} MB: {ratios[-1]:.2f} times",
            flush=True,
        )
    print(f"{options.backbone} at {options.image_size} px: {statistics.median(ratios):.2f} times")


if __name__ == "__main__":
    main()
