"""Fine-tune the network: the script of Tune's trials and of Train.

Channels: `train` and `validation`, each with a folder of pictures for each class. It prints a line
of metrics after each epoch and, last, that of the best one, whose weights are kept.
"""

import json
import os
import shutil
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import network

ROOT = Path(os.environ.get("OPT_ML", "/opt/ml"))
BATCH = 16


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """The pictures of a channel, and the index of each one's class."""

    def __init__(self, channel: str, classes: list[str], size: int, augment: bool) -> None:
        folder = ROOT / "input" / "data" / channel
        self.items = [
            (f, i) for i, name in enumerate(classes) for f in sorted(folder.glob(f"{name}/*"))
        ]
        self.transform = network.transform(size, augment)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        file, label = self.items[index]
        return self.transform(network.read(file.read_bytes())), label


def main() -> None:
    """Train, and write the best epoch's weights with the code that serves them."""
    config = json.loads((ROOT / "input" / "config" / "hyperparameters.json").read_text())
    size, epochs, lr = int(config["image-size"]), int(config["epochs"]), float(config["lr"])
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    workers = (os.cpu_count() or 1) if device.type == "cuda" else 0
    train_folder = ROOT / "input" / "data" / "train"
    classes = sorted(folder.name for folder in train_folder.iterdir() if folder.is_dir())

    training = Pictures("train", classes, size, augment=True)
    batches = DataLoader(training, BATCH, shuffle=True, num_workers=workers)
    judged = DataLoader(
        Pictures("validation", classes, size, augment=False), BATCH, num_workers=workers
    )
    model = network.pretrained(len(classes)).to(device)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=epochs * len(batches))

    best, line, state = -1.0, "", {}
    for epoch in range(1, epochs + 1):
        model.train()
        total = 0.0
        for pictures, labels in batches:
            loss = loss_of(model(pictures.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(labels)
        accuracy = measure(model, judged, device)
        printed = (
            f"epoch={epoch} train_loss={total / len(training):.4f} "
            f"validation_accuracy={accuracy:.4f}"
        )
        print(printed, flush=True)
        if accuracy >= best:  # of equals the one that trained longer
            best, line = accuracy, printed
            state = {name: value.cpu().clone() for name, value in model.state_dict().items()}

    folder = ROOT / "model"
    network.save(folder, state, classes, size)
    (folder / "code").mkdir(exist_ok=True)
    for name in ("inference.py", "network.py"):
        shutil.copyfile(Path(__file__).parent / name, folder / "code" / name)
    print(line)


@torch.inference_mode()
def measure(model: nn.Module, batches: DataLoader, device: torch.device) -> float:
    """The share of pictures that the network classifies as labelled."""
    model.eval()
    right = [(model(p.to(device)).argmax(1).cpu() == labels) for p, labels in batches]
    return float(torch.cat(right).float().mean())


if __name__ == "__main__":
    main()
