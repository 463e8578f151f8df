"""An evaluation's numbers for a person who reads the log."""

from __future__ import annotations

from typing import Any

from evaluation import verification

_DECIDES_NOTHING = "; it learnt from nearly all of their bins, so this decides nothing"


def text(document: dict[str, Any]) -> str:
    """The document of evaluation.json in lines."""
    quality, tally = document["multiclass_classification_metrics"], document["tally"]
    baselines, approved = tally["baselines"], tally["approved"]
    majority, mean = baselines["majority_class"], baselines["mean_count"]
    lines = [
        f"evaluated on {tally['test_images']} test images",
        f"  accuracy           {_share(quality['accuracy'])}{_between(tally, 'accuracy')}"
        f"   always saying {majority['count']}: {majority['accuracy']['value']:.1%}",
        f"  within one         {_share(tally['within_one_accuracy'])}"
        f"{_between(tally, 'within_one_accuracy')}",
        f"  macro F1           {_number(tally['macro_f1'])}{_between(tally, 'macro_f1')}",
        f"  RMSE               {_number(document['regression_metrics']['rmse'])}"
        f"{_between(tally, 'rmse')}"
        f"   of the expected count: {tally['expected_count']['rmse']['value']:.3f}"
        f"   always saying {mean['count']:.2f}: {mean['rmse']['value']:.3f}",
        f"  MAE                {_number(document['regression_metrics']['mae'])}"
        f"{_between(tally, 'mae')}"
        f"   of the expected count: {tally['expected_count']['mae']['value']:.3f}",
        f"  calibration error  {_number(tally['calibration_error'])}"
        f"{_between(tally, 'calibration_error')}"
        f"   before temperature scaling: {tally['calibration']['before']:.3f} "
        f"(temperature {tally['calibration']['temperature']:.2f})",
        f"  verification       {verification.sentence(tally['verification'])}",
    ]
    if approved["present"]:
        lines.append(
            f"  approved model     {_share(approved['accuracy'])}"
            f"   difference: {_share(approved['difference'], sign='+')}"
            f"{_between(tally, 'difference')}"
            f"   on {approved['images']} images"
            f"{', of bins that it did not learn from' * approved['only_unseen']}"
            f"{_DECIDES_NOTHING * (not approved['decides'])}"
            f"   only this one right: {approved['only_candidate_right']}, "
            f"only the approved one: {approved['only_approved_right']}"
        )
    else:
        lines.append("  approved model     none yet")
    lines.append("  count  precision  recall     f1  images")
    lines += [
        f"  {count:>5}  {one['precision']:9.2f}  {one['recall']:6.2f}  {one['f1']:5.2f}"
        f"  {one['support']:6d}"
        for count, one in tally["per_class"].items()
    ]
    return "\n".join(lines)


def _share(metric: dict[str, Any], sign: str = "") -> str:
    return f"{metric['value']:{sign}6.1%} ± {metric['standard_deviation']:.1%}"


def _number(metric: dict[str, Any]) -> str:
    return f"{metric['value']:6.3f} ± {metric['standard_deviation']:.3f}"


def _between(tally: dict[str, Any], name: str) -> str:
    """The 95 % interval as " [low, high]", in percent for a share."""
    one = tally["intervals"].get(name)
    if one is None:
        return ""
    form = "{:.1%}" if name in ("accuracy", "within_one_accuracy", "difference") else "{:.3f}"
    return f" [{form.format(one['low'])}, {form.format(one['high'])}]"
