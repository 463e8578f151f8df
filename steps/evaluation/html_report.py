"""The evaluation as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from evaluation import verification

# Each picture of plots/, in order: what it answers.
PICTURES = {
    "confusion": "What it answers for each true count. Just off the diagonal is nearly right.",
    "history": "Loss and accuracy of each epoch.",
    "per_class": "How well each count is found.",
    "reliability": "A point on the line is right as often as the model says.",
    "slices": "The same model on parts of the test images. Long bars: too few images to be sure.",
    "verification": "Left: right books told from wrong ones. Right: how many of the passed "
    "bins have right books.",
    "mistakes": "The mistakes that it was surest of. Some may be wrong labels.",
    "attention": "Grad-CAM: the parts of a picture that speak for the answer.",
    "suspects": "Training images whose labels look wrong, with the probability of the label.",
}
WIDE = ("verification", "mistakes", "attention", "suspects")  # they follow the narrow ones
ROWS = (  # name, its place in the document, its interval, whether it is a share
    ("counted exactly", ("multiclass_classification_metrics", "accuracy"), "accuracy", True),
    ("at most one item off", ("tally", "within_one_accuracy"), "within_one_accuracy", True),
    ("macro F1", ("tally", "macro_f1"), "macro_f1", False),
    ("RMSE, in items", ("regression_metrics", "rmse"), "rmse", False),
    ("MAE, in items", ("regression_metrics", "mae"), "mae", False),
    ("calibration error", ("tally", "calibration_error"), "calibration_error", False),
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of a counting model</title>
<style>
:root { --ink: #1d2733; --soft: #5d6b7a; --line: #e3e8ee; --paper: #fff; --ground: #f5f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --soft: #9aa8b6; --line: #2c3742; --paper: #182028; --ground: #10161c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { margin: 0 0 4px; font-size: 28px; } h2 { margin: 0 0 14px; font-size: 19px; }
p { margin: 0 0 10px; } .soft, figcaption { color: var(--soft); font-size: 14px; }
section, .fact { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; }
section { padding: 22px 24px; margin-top: 20px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px;
  margin-top: 20px; }
.fact { padding: 14px 18px; } .fact b { display: block; font-size: 26px; line-height: 1.25; }
.fact span { color: var(--soft); font-size: 14px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
th { text-align: left; color: var(--soft); font-size: 13px; font-weight: 600; }
th, td { padding: 7px 16px 7px 0; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
td.soft { min-width: 180px; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pictures { columns: 340px 2; column-gap: 24px; }
figure { margin: 0 0 24px; break-inside: avoid; } .wide { column-span: all; }
figcaption { margin-top: 6px; }
img { width: 100%; height: auto; display: block; background: #fff; border: 1px solid var(--line);
  border-radius: 8px; }
</style></head><body><main>
<h1>How well the model counts</h1>
<p class="soft">Judged on {{ tally.test_images }} test images that it never learnt from; it counts
{{ tally.classes | join(", ") }}.</p>
<div class="facts">
{% for fact in facts %}<div class="fact"><b>{{ fact.0 }}</b><span>{{ fact.1 }}</span></div>
{% endfor %}</div>
<section><h2>Metrics</h2><div class="scroll"><table>
<tr><th>metric</th><th class="n">this model</th><th class="n">95 % interval</th>
<th>to compare with</th></tr>
{% for row in rows %}<tr><td>{{ row.0 }}</td><td class="n">{{ row.1 }}</td>
<td class="n">{{ row.2 }}</td><td class="soft">{{ row.3 }}</td></tr>
{% endfor %}</table></div>
<p class="soft">Intervals are {{ tally.intervals.method }}.</p></section>
<section><h2>Can bins pass without a person looking?</h2><p>{{ said }}.</p>
<div class="scroll"><table>
<tr><th class="n">books that are wrong</th><th class="n">threshold</th>
<th class="n">bins that pass</th><th class="n">of these, right books</th>
<th class="n">wrong books that pass</th></tr>
{% for row in books %}<tr>{% for cell in row %}<td class="n">{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
<p class="soft">In brackets: 95 % intervals. A bin passes when the probability of the quantity in
the books reaches the threshold, chosen on {{ check.choosing_images }} {{ check.threshold_from }}
images for {{ "%.0f" | format(100 * check.wanted_precision) }} % right books among the passed. The
books are simulated: wrong quantities are likelier the nearer they are to the true one.
Where few books are wrong, passing every bin is right often enough: look at the last column.</p>
</section>
<section><h2>Pictures</h2><div class="pictures">
{% for one in pictures %}<figure{% if one.wide %} class="wide"{% endif %}>
<img alt="{{ one.caption }}" src="data:image/png;base64,{{ one.data }}">
<figcaption>{{ one.caption }}</figcaption></figure>
{% endfor %}</div>
{% for name, reason in tally.slices.left_out.items() %}
<p class="soft">No slices by {{ name }}: {{ reason }}.</p>{% endfor %}
{% if tally.attention.left_out %}<p class="soft">No picture of where it looks:
{{ tally.attention.left_out }}.</p>{% endif %}</section>
</main></body></html>
"""


def render(document: dict[str, Any], output: Path) -> str:
    """The page as text.

    Args:
        document: what evaluation.json holds.
        output: the folder that holds plots/ and what training handed on.
    """
    tally = document["tally"]
    check = tally["verification"]
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(PAGE).render(
        tally=tally,
        check=check,
        facts=_facts(document),
        rows=[_row(document, *row) for row in ROWS],
        said=_capital(verification.sentence(check)),
        books=[_books(row) for row in check["other_shares"]],
        pictures=_pictures(output),
    )


def _facts(document: dict[str, Any]) -> list[tuple[str, str]]:
    tally = document["tally"]
    exact = document["multiclass_classification_metrics"]["accuracy"]["value"]
    check = tally["verification"]
    return [
        (_percent(exact), "counted exactly"),
        (_percent(tally["within_one_accuracy"]["value"]), "at most one item off"),
        (f"{document['regression_metrics']['mae']['value']:.2f}", "items off on average"),
        (
            _percent(check["passed"]["value"]),
            f"of the bins can pass without a person, if {_whole(check['books_wrong'])} of the "
            "books are wrong",
        ),
    ]


def _row(
    document: dict[str, Any], name: str, path: tuple[str, str], interval: str, share: bool
) -> tuple[str, str, str, str]:
    form = _percent if share else "{:.3f}".format
    tally = document["tally"]
    span = tally["intervals"].get(interval)
    between = f"{form(span['low'])} to {form(span['high'])}" if span else ""
    return name, form(document[path[0]][path[1]]["value"]), between, _beside(tally, interval)


def _beside(tally: dict[str, Any], name: str) -> str:
    """What a metric is compared with, in words."""
    baselines = tally["baselines"]
    if name == "accuracy":
        majority = baselines["majority_class"]
        words = f"always {majority['count']}: {_percent(majority['accuracy']['value'])}"
        return f"{words}; {_approved(tally)}" if tally["approved"]["present"] else words
    if name == "rmse":
        mean = baselines["mean_count"]
        return f"always {mean['count']:.2f}: {mean['rmse']['value']:.3f}"
    if name == "calibration_error" and tally["calibration"]["temperature"] != 1:
        scaling = tally["calibration"]
        return f"before temperature scaling ({scaling['temperature']:.2f}): {scaling['before']:.3f}"
    return ""


def _approved(tally: dict[str, Any]) -> str:
    """The approved model beside this one, on the images that both are compared on."""
    approved, span = tally["approved"], tally["intervals"]["difference"]
    words = f"the approved model: {_percent(approved['accuracy']['value'])}"
    if approved["only_unseen"]:
        words += (
            f", this one {_percent(approved['candidate_accuracy']['value'])}, on the "
            f"{approved['images']} images that neither has learnt from"
        )
    elif not approved["decides"]:
        words += " (it has learnt from nearly all of these bins, so this decides nothing)"
    return (
        f"{words}; difference: {100 * approved['difference']['value']:+.1f} points "
        f"({100 * span['low']:+.1f} to {100 * span['high']:+.1f})"
    )


def _books(row: dict[str, Any]) -> list[str]:
    threshold = "none" if row["threshold"] is None else f"{row['threshold']:.3f}"
    return [_whole(row["books_wrong"]), threshold] + [
        _spanned(row[name]) for name in ("passed", "precision", "wrong_passed")
    ]


def _spanned(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "none"
    if "low" not in metric:
        return _percent(metric["value"])
    return f"{_percent(metric['value'])} ({100 * metric['low']:.0f} to {100 * metric['high']:.0f})"


def _pictures(output: Path) -> list[dict[str, Any]]:
    files = {name: output / "plots" / f"{name}.png" for name in PICTURES}
    files["suspects"] = output / "suspects.png"
    return [
        {
            "caption": caption,
            "wide": name in WIDE,
            "data": base64.b64encode(files[name].read_bytes()).decode(),
        }
        for name, caption in PICTURES.items()
        if files[name].is_file()
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _whole(value: float) -> str:
    return f"{100 * value:.0f} %"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
