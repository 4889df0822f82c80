"""The course of a run, as its page draws it: what its process said, step by step and phase by phase, thinned out.

It stands in the run's row beside its newest step, so that a page that is loaded again, or late, shows all of it.
"""

from __future__ import annotations

from typing import Any

# As many points as a line of a few hundred pixels has bends that one can see.
MAX_POINTS = 120


def begun(progress: dict[str, Any]) -> dict[str, Any]:
    """What a run that is taken up again keeps of its course."""
    return {name: progress[name] for name in ("course",) if name in progress}


def noted(progress: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """`progress` with one more event in it. Its "course" holds `steps` as [step, losses in nats], one of `every`,
    `checks` as [step, nats per token on the dev rows, drift in nats per token, whether it is the best so far], and
    `phases` as {phase: [steps done, of so many]}."""
    course = {"every": 1, "steps": [], "checks": [], "phases": {}, **progress.get("course", {})}
    phase = event.get("phase", progress.get("phase", ""))
    match event.get("event"):
        case "step" if "loss" in event:
            course |= _with_step(course, int(event["step"]), event["loss"])
        case "dev":
            before = [check for check in course["checks"] if check[0] < event["step"]]
            course["checks"] = [*before, [event["step"], event["nll"], event["drift"], event["is_best"]]]
        case "phase" if phase not in course["phases"]:
            course["phases"] = {**course["phases"], phase: []}
    if event.get("event") == "step" and "steps" in event:
        course["phases"] = {**course["phases"], phase: [event["step"], event["steps"]]}
    return {**progress, **event, "course": course}


def _with_step(course: dict[str, Any], step: int, losses: dict[str, float]) -> dict[str, Any]:
    """After a crash steps are told again, from the last checkpoint on; they take the place of those before."""
    every = course["every"]
    steps = [point for point in course["steps"] if point[0] < step]
    if step % every == 0 or step == 1:
        steps.append([step, losses])
    while len(steps) > MAX_POINTS:
        every *= 2
        steps = [point for point in steps if point[0] % every == 0 or point[0] == 1]
    return {"every": every, "steps": steps}
