"""Rules over the machine: LowGPUUtilization and ProfilerReport."""

from __future__ import annotations

from typing import Any

import numpy

from training.profile import Profile
from training.profiling.findings import waiting
from training.rules.verdict import Verdict

# The service's defaults (developer guide, "List of Debugger built-in profiler rules"); one sample
# each half second.
LOW_GPU: dict[str, Any] = {"threshold_p95": 70, "threshold_p5": 10, "window": 500, "patience": 1000}

REPORT: dict[str, Any] = {
    "data_share": 0.3,
    "evaluation_share": 0.5,
    "cpu_percent": 50,
    "machine_memory_percent": 90,
}


def low_gpu_utilization(profile: Profile, **parameters: Any) -> Verdict:
    """A GPU is hardly used, or by fits and starts.

    Over the last `window` samples the 95th percentile is below `threshold_p95`, or it is not and
    the 5th is below `threshold_p5`. The first `patience` samples are the start-up and do not count.
    """
    chosen = LOW_GPU | parameters
    name = "LowGPUUtilization"
    if not profile.gpu:
        return Verdict(name, "NotApplicable", "this machine has no GPU", chosen)
    healthy = []
    for index, samples in profile.gpu.items():
        if len(samples) <= chosen["patience"]:
            return Verdict(
                name,
                "NotApplicable",
                f"{len(samples)} samples of GPU {index} were taken; the first "
                f"{chosen['patience']} count as start-up",
                chosen,
            )
        counted = samples[chosen["patience"] :][-chosen["window"] :]
        p5, p95 = (float(value) for value in numpy.percentile(counted, [5, 95]))
        where = f"GPU {index} over the last {len(counted)} samples"
        if p95 < chosen["threshold_p95"]:
            reason = f"{where} was used {p95:.0f} % at the 95th percentile, below "
            return Verdict(name, "IssuesFound", f"{reason}{chosen['threshold_p95']} %", chosen)
        if p5 < chosen["threshold_p5"]:
            reason = f"{where} fell to {p5:.0f} % at the 5th percentile while the 95th was "
            return Verdict(name, "IssuesFound", f"{reason}{p95:.0f} %: it waits", chosen)
        healthy.append(f"{where} was used between {p5:.0f} % and {p95:.0f} %")
    return Verdict(name, "NoIssuesFound", "; ".join(healthy), chosen)


def profiler_report(profile: Profile, **parameters: Any) -> Verdict:
    """Where the time went and how busy the machine was, with findings in words."""
    chosen = REPORT | parameters
    figures = profile.as_dict()
    data, evaluation = profile.data_share, profile.evaluation_share
    cpu = figures["cpu_percent"].get("mean")
    memory = figures["machine_memory_percent"].get("max")

    findings = []
    if data > chosen["data_share"]:
        findings.append(
            f"{data:.0%} of the training time went into preparing batches; "
            f"a smaller image-size or more CPU cores would help"
        )
    if evaluation > chosen["evaluation_share"]:
        findings.append(
            f"{evaluation:.0%} of the time went into validation; validate on fewer images"
        )
    if idle := waiting(profile, chosen["cpu_percent"]):
        findings.append(idle)
    if memory is not None and memory > chosen["machine_memory_percent"]:
        findings.append(
            f"the machine's memory was {memory:.0f} % full; choose a smaller batch or image-size"
        )
    shares = ", ".join(
        f"{name.replace('_', '/')} {seconds:.1f} s" for name, seconds in profile.phases.items()
    )
    summary = f"{profile.seconds:.1f} s in all: {shares}" if shares else "no phase was timed"
    if cpu is not None:
        peak = figures["memory_mb"]["max"]
        summary += (
            f"; CPU {cpu:.0f} % of {profile.cores} cores ({profile.threads} threads), memory up to "
            f"{peak:.0f} MB"
        )
    figures["data_share"] = round(data, 3)
    figures["evaluation_share"] = round(evaluation, 3)
    figures["findings"] = findings
    return Verdict(
        "ProfilerReport",
        "IssuesFound" if findings else "NoIssuesFound",
        "; ".join([*findings, summary]),
        chosen,
        figures,
    )
