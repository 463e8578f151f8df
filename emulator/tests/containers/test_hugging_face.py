"""AWS's Hugging Face images: a model that is trained and served, without any hub.

Minutes for each tag and gigabytes of packages, so only `make test-frameworks` runs them.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from framework_jobs import Framework, packed_with

pytestmark = [
    pytest.mark.skipif("EMULATOR_FRAMEWORKS" not in os.environ, reason="make test-frameworks"),
    pytest.mark.timeout(1800),
]
# Of torch: one of AWS's, and the one that has a wheel for machines without a GPU here.
TAGS = ["2.1.0-transformers4.37.0-cpu-py310-ubuntu22.04", "2.13.0-transformers5.5.3-cpu-py312"]
SCRIPT = """
import os, torch
from datasets import Dataset
from transformers import (
    BertConfig, BertForSequenceClassification, BertTokenizerFast, Trainer, TrainingArguments
)

words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
folder = os.environ["SM_MODEL_DIR"]
with open(os.path.join(folder, "vocab.txt"), "w") as vocabulary:
    vocabulary.write("\\n".join(words))
tokenizer = BertTokenizerFast.from_pretrained(folder)
torch.manual_seed(0)
model = BertForSequenceClassification(BertConfig(
    vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=16, id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1},
))
rows = Dataset.from_dict({"text": ["good film", "bad film"] * 64, "label": [1, 0] * 64})
rows = rows.map(lambda row: tokenizer(row["text"], padding="max_length", max_length=6))
arguments = TrainingArguments(
    output_dir="/tmp/checkpoints", num_train_epochs=4, learning_rate=5e-2,
    per_device_train_batch_size=16, report_to=[], save_strategy="no",
)
Trainer(model=model, args=arguments, train_dataset=rows).train()
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
"""
INFERENCE = """
from transformers import pipeline

def model_fn(folder):
    return pipeline("text-classification", model=folder, tokenizer=folder)

def predict_fn(data, model):
    return {"labels": [each["label"] for each in model(data["texts"])]}
"""


@pytest.mark.parametrize("tag", TAGS)
def test_script_trains_and_a_pipeline_serves(
    emulator: Emulator, until: Callable[..., Any], name: str, tag: str
) -> None:
    trained = Framework(emulator, until, name, f"huggingface-pytorch-training:{tag}")
    ended = trained.train(trained.script(train_py=SCRIPT))
    assert ended["TrainingJobStatus"] == "Completed", trained.log()[-3000:]
    model = ended["ModelArtifacts"]["S3ModelArtifacts"]
    framework = Framework(emulator, until, name, f"huggingface-pytorch-inference:{tag}")
    made = framework.deploy(model)
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    kind, body = framework.invoke('{"inputs": "good film"}', "application/json", "*/*")
    assert kind == "application/json"
    (answer,) = json.loads(body)
    assert answer["label"] == "good" and answer["score"] > 0.9
    kind, body = framework.invoke("inputs\ngood film\nbad film\n", "text/csv", "application/json")
    assert [each["label"] for each in json.loads(body)] == ["good", "bad"]
    with pytest.raises(ClientError, match=r'"code": 400,\s+"type": "InternalServerException"'):
        framework.invoke("x", "application/x-parquet", "application/json")
    framework.delete()
    # A script in the model's archive, as the SDK's HuggingFaceModel packs one.
    scripted = Framework(emulator, until, f"{name}-script", framework.image.rpartition("/")[2])
    data = packed_with(scripted.get(model), "code/inference.py", INFERENCE)
    made = scripted.deploy(scripted.put("model.tar.gz", data))
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    body = scripted.invoke('{"texts": ["bad film"]}', "application/json", "application/json")[1]
    assert json.loads(body) == {"labels": ["bad"]}
    scripted.delete()
