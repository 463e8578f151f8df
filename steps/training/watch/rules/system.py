"""The rules about the machine: LowGPUUtilization and ProfilerReport."""

from __future__ import annotations

from typing import Any

import numpy

from training.watch.profiling import findings
from training.watch.profiling.profiler import Profile
from training.watch.rules.verdict import Verdict

# SageMaker Debugger's defaults (developer guide, "List of Debugger built-in profiler rules"); one
# sample every half second.
LOW_GPU: dict[str, Any] = {"threshold_p95": 70, "threshold_p5": 10, "window": 500, "patience": 1000}

REPORT: dict[str, Any] = {
    "data_share": findings.DATA_SHARE,
    "evaluation_share": findings.EVALUATION_SHARE,
    "cpu_percent": findings.CPU_IDLE,
    "machine_memory_percent": findings.MEMORY_FULL,
}


def low_gpu_utilization(profile: Profile) -> Verdict:
    """A GPU is hardly used, or used in bursts.

    Over the last `window` samples the 95th percentile is below `threshold_p95`; or it is not, and
    the 5th percentile is below `threshold_p5`. The first `patience` samples are start-up.
    """
    name = "LowGPUUtilization"
    if not profile.gpu:
        return Verdict(name, "NotApplicable", "this machine has no GPU", LOW_GPU)
    healthy = []
    for index, samples in profile.gpu.items():
        if len(samples) <= LOW_GPU["patience"]:
            return Verdict(
                name,
                "NotApplicable",
                f"{len(samples)} samples of GPU {index} were taken; the first "
                f"{LOW_GPU['patience']} are ignored as start-up",
                LOW_GPU,
            )
        counted = samples[LOW_GPU["patience"] :][-LOW_GPU["window"] :]
        p5, p95 = (float(value) for value in numpy.percentile(counted, [5, 95]))
        where = f"GPU {index} over the last {len(counted)} samples"
        if p95 < LOW_GPU["threshold_p95"]:
            reason = f"{where} was used {p95:.0f} % at the 95th percentile, below "
            return Verdict(name, "IssuesFound", f"{reason}{LOW_GPU['threshold_p95']} %", LOW_GPU)
        if p5 < LOW_GPU["threshold_p5"]:
            reason = f"{where} fell to {p5:.0f} % at the 5th percentile while the 95th was "
            return Verdict(name, "IssuesFound", f"{reason}{p95:.0f} %: it often waits", LOW_GPU)
        healthy.append(f"{where} was used between {p5:.0f} % and {p95:.0f} %")
    return Verdict(name, "NoIssuesFound", "; ".join(healthy), LOW_GPU)


def profiler_report(profile: Profile) -> Verdict:
    """Time by phase and use of the machine, with findings in words."""
    figures = profile.as_dict()
    data, evaluation = profile.data_share, profile.evaluation_share
    cpu = figures["cpu_percent"].get("mean")
    memory = figures["machine_memory_percent"].get("max")

    issues = []
    if data > REPORT["data_share"]:
        issues.append(
            f"{data:.0%} of the training time was spent on preparing batches. "
            "Use a smaller image-size or more CPU cores."
        )
    if evaluation > REPORT["evaluation_share"]:
        issues.append(
            f"{evaluation:.0%} of the time was spent on validation. Validate on fewer images."
        )
    if idle := findings.waiting(profile):
        issues.append(str(idle))
    if memory is not None and memory > REPORT["machine_memory_percent"]:
        issues.append(
            f"The machine's memory was {memory:.0f} % full. Use a smaller batch-size or image-size."
        )
    shares = ", ".join(
        f"{name.replace('_', '/')} {seconds:.1f} s" for name, seconds in profile.phases.items()
    )
    summary = f"{profile.seconds:.1f} s in total: {shares}" if shares else "no phase was timed"
    if cpu is not None:
        peak = figures["memory_mb"]["max"]
        summary += (
            f"; CPU {cpu:.0f} % of {profile.cores} cores ({profile.threads} threads), memory up to "
            f"{peak:.0f} MB"
        )
    figures["data_share"] = round(data, 3)
    figures["evaluation_share"] = round(evaluation, 3)
    figures["findings"] = issues
    return Verdict(
        "ProfilerReport",
        "IssuesFound" if issues else "NoIssuesFound",
        " ".join([*issues, summary]),
        REPORT,
        figures,
    )
