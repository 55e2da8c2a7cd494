"""What the demo prints: outcome events as lines that a person can follow."""

from __future__ import annotations

import os
import sys
from collections import Counter
from datetime import datetime
from typing import Any

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ

# `applied`: changed, described again, and found as declared.
VERIFIED = ("applied", "in-sync")


def paint(code: str, text: str) -> str:
    """Text in a colour, on a terminal only."""
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def step(text: str) -> None:
    """A heading."""
    print(f"\n{paint('1', '== ' + text)}", flush=True)


def say(text: str) -> None:
    """A line of progress."""
    print(f"   {text}", flush=True)


def word(outcome: Any) -> str:
    """The name of an outcome, which is a word or a one-key object."""
    return outcome if isinstance(outcome, str) else next(iter(outcome))


def why(outcome: Any) -> str:
    """The reason in an outcome, if it has one."""
    inner = {} if isinstance(outcome, str) else next(iter(outcome.values()))
    return str(inner.get("why") or inner.get("message") or "") if isinstance(inner, dict) else ""


def finished(report: dict[str, Any]) -> float:
    """When the run ended, as seconds since the epoch."""
    return datetime.fromisoformat(report["finished"].replace("Z", "+00:00")).timestamp()


def applied(report: dict[str, Any]) -> int:
    """How many actions were carried out."""
    return sum(1 for action in report["actions"] if word(action["outcome"]) == "applied")


def who(cause: dict[str, Any]) -> str:
    """The caller in a cause, in words."""
    principal = cause["principal"]
    return f"{principal['kind']} {principal.get('role') or principal.get('arn') or ''}".strip()


def lines(report: dict[str, Any]) -> list[str]:
    """One report as event → drift → action → held → verdict. Nothing for a run that found everything in line."""
    out = []
    for cause in {c["event_id"]: c for found in report["causes"].values() for c in found}.values():
        out.append(f"{paint('36', 'event')}     {cause['event_name']}  {paint('36', 'by')} {who(cause)}")
    for drift in report["drifts"]:
        colour = "31" if drift["severity"] == "exposure" else "33"
        out.append(f"{paint(colour, format(drift['severity'], '<9'))} {drift['name']}: {drift['summary']}")
    for action in report["actions"]:
        result = word(action["outcome"])
        colour = {"applied": "32", "failed": "31"}.get(result, "33")
        reason = f": {why(action['outcome'])}" if result in ("failed", "held", "skipped") else ""
        out.append(f"{paint(colour, 'action')}    {action['summary']}  → {result}{reason}")
        if action["caveat"] and result == "applied":
            out.append(f"          {paint('2', action['caveat'])}")
    for held in report["held"]:
        out.append(f"{paint('33', 'held')}      {held['name']}: {held['why']}")
        out.append(f"          {paint('2', held['remedy'])}")
    out += [f"{paint('2', 'note')}      {note}" for note in report.get("notes", [])]
    if not out:
        return []
    verdict, key = word(report["overall"]), report["key"]
    fine = verdict in VERIFIED
    reason = why(report["overall"]) if verdict in ("converging", "skipped", "failed") else ""
    shown = paint("1;32" if fine else "1;33", format("verified" if fine else verdict, "<9"))
    out.append(f"{shown} {key['topology']} {key['control']}{': ' + reason if reason else ''}")
    return out


def aside(line: str) -> bool:
    """Whether a line says nothing by itself: who called, or what it costs."""
    return line.startswith((f"{paint('36', 'event')} ", f"{paint('2', 'note')} "))


def digest(report: dict[str, Any]) -> str:
    """One report in a line: how often what was done."""
    done = [action for action in report["actions"] if word(action["outcome"]) == "applied"]
    verbs = Counter(verb(action["summary"]) for action in done)
    what = ", ".join(f"{count} × {name}" for name, count in verbs.items()) or "nothing to do yet"
    verdict = word(report["overall"])
    ending = "verified" if verdict in VERIFIED else f"{verdict}: {why(report['overall'])}"
    return f"{report['key']['topology']:<15} {report['key']['control']:<16} {what} → {ending}"


def verb(summary: str) -> str:
    """What kind of action it is: the first word of it that is not the name of its resource."""
    text = summary.split(": ", 1)[1] if ": " in summary and " " not in summary.split(": ", 1)[0] else summary
    return text.split(" ", 1)[0]


def table(rows: list[tuple[str, ...]]) -> None:
    """A plain table."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for index, row in enumerate(rows):
        print("   " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if index == 0:
            print("   " + "  ".join("─" * width for width in widths))
