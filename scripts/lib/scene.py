"""One thing that happens in the demo, what must follow, and watching that it does."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import declared
import stage as staging
import telling
from telling import VERIFIED, applied, finished, lines, paint, say, word

PATIENCE = 45.0


@dataclass
class Scene:
    """Somebody does something; `ends` says when, and how, what must follow has followed."""

    who: str
    title: str
    act: Callable[[staging.Stage], None]
    control: str
    topologies: tuple[str, ...]
    ends: Callable[[Watch], str | None]
    # Something breaks, or is done on purpose.
    harm: bool = True
    # The time runs from the end of the act: a deploy takes effect when it is complete.
    from_end: bool = False


@dataclass
class Result:
    """How a scene went."""

    title: str
    who: str
    verdict: str
    seconds: float | None = None
    actions: int = 0


@dataclass
class Watch:
    """What was said since the scene began."""

    stage: staging.Stage
    scene: Scene
    mark: int
    began: float
    reports: list[dict[str, Any]] = field(default_factory=list)
    said: set[str] = field(default_factory=set)

    def differences(self) -> list[declared.Difference]:
        """What the independent reader finds in the scene's topologies, for its control."""
        readers = staging.cloud(self.stage)
        kept = [t for t in self.stage.topologies if t.id in self.scene.topologies]
        verdicts = [v for t in kept for v in declared.compare(readers, t, (self.scene.control,))]
        return [difference for verdict in verdicts for difference in verdict.differences]

    def verified(self) -> set[str]:
        """The topologies whose newest report says that everything is as declared."""
        newest = {report["key"]["topology"]: word(report["overall"]) for report in self.reports}
        return {topology for topology, verdict in newest.items() if verdict in VERIFIED}


def restored(watch: Watch) -> str | None:
    """Plumbline says that it verified, and the independent reader agrees."""
    done = watch.verified() == set(watch.scene.topologies) and any(applied(report) for report in watch.reports)
    if not done or watch.differences():
        return None
    return "restored" if watch.scene.harm else "as declared"


def nothing(watch: Watch) -> str | None:
    """Nothing is under way any more, and Plumbline changed nothing."""
    watch.stage.idle()
    writes = [
        call["action"]
        for call in watch.stage.calls(watch.mark)
        if f":assumed-role/{staging.CONTROL_PLANE}" in call["caller"] and not call["read_only"]
    ]
    say(paint("2", "nothing to do, nothing done"))
    return f"FAILED: Plumbline called {', '.join(writes)}" if writes else "nothing happened"


def run(stage: staging.Stage, scene: Scene) -> Result:
    """Does it, waits for what must follow, and prints what Plumbline says meanwhile, with the time since the call."""
    sign = paint("1;31", "✗") if scene.harm else paint("1;34", "▸")
    print(f"\n{sign} {paint('1', scene.who)} {scene.title}", flush=True)
    staging.forget_outcomes(stage)
    watch = Watch(stage, scene, stage.mark(), time.time())
    result = Result(scene.title, scene.who, "")
    scene.act(stage)
    if scene.from_end:
        watch.began = time.time()
    deadline = time.monotonic() + PATIENCE
    while not result.verdict:
        follow(watch)
        result.verdict = scene.ends(watch) or ""
        if not result.verdict and time.monotonic() > deadline:
            left = "; ".join(str(difference) for difference in watch.differences()[:3])
            result.verdict = f"FAILED: not within {PATIENCE:.0f} s{': ' + left if left else ''}"
    result.actions = sum(applied(report) for report in watch.reports)
    told = [finished(report) for report in watch.reports if lines(report)]
    result.seconds = max(0.0, max(told) - watch.began) if told else None
    if result.verdict.startswith("FAILED"):
        say(paint("31", result.verdict))
    return result


def follow(watch: Watch) -> None:
    """Prints what arrived about the scene's control and topologies, and was not said in it before."""
    for event in staging.outcomes(watch.stage):
        report = event["detail"]
        key = report.get("key") or {}
        if key.get("control") != watch.scene.control or key.get("topology") not in watch.scene.topologies:
            continue
        # Delivery is at least once: the same report may come again.
        if "actions" not in report or report in watch.reports:
            continue
        watch.reports.append(report)
        new = [line for line in lines(report) if line not in watch.said]
        watch.said.update(new)
        if not any(line for line in new if not telling.aside(line)):
            continue
        for index, line in enumerate(new):
            offset = f"+{max(0.0, finished(report) - watch.began):.1f} s" if index == 0 else ""
            say(f"{paint('2', offset.rjust(8))}  {line}")
