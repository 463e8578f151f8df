"""A simple server: FastAPI, Pillow, torchvision's transforms and the model in eager mode."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, os.environ["STEPS"])
import network  # isort: skip
import served_network  # isort: skip
import torch
from fastapi import FastAPI, Request
from PIL import Image
from torchvision import transforms

FOLDER = Path(os.environ["MODEL"])
settings = json.loads((FOLDER / "model.json").read_text())
outputs = settings.get("outputs", len(settings["classes"]))
built = network.build(settings["backbone"], outputs)
state = torch.load(FOLDER / "model.pt", weights_only=True)
model = served_network.build(state, settings, built).counting
transform = transforms.Compose(
    [
        transforms.Resize((settings["image_size"], settings["image_size"])),
        transforms.ToTensor(),
        transforms.Normalize(settings["mean"], settings["std"]),
    ]
)
app = FastAPI()


@app.get("/ping")
async def ping() -> dict[str, str]:
    """Answer that the model is loaded."""
    return {}


@app.post("/invocations")
async def predict(request: Request) -> dict[str, Any]:
    """Count the items of one image."""
    image = Image.open(io.BytesIO(await request.body())).convert("RGB")
    with torch.no_grad():
        probabilities = model(transform(image).unsqueeze(0))[0].tolist()
    best = max(range(len(probabilities)), key=probabilities.__getitem__)
    return {"count": settings["classes"][best], "probabilities": probabilities}
