"""What Lambda is doing right now: asked by `idle`, cleared by `reset` and `restore`."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Activity:
    """Counts of running work, guarded by one lock."""

    lock: threading.Condition = field(default_factory=threading.Condition)
    # Incremented by reset and restore: work of an earlier generation must leave no trace in the state.
    generation: int = 0
    # mapping id -> batches being processed
    batches: dict[str, int] = field(default_factory=dict)
    # ids of the messages in those batches
    held_messages: set[str] = field(default_factory=set)
    # token -> time of the next attempt; 0 while an attempt runs
    asynchronous: dict[object, float] = field(default_factory=dict)
    # asked to run waiting attempts now
    hurry: int = 0

    def start_batch(self, mapping: str, messages: list[str]) -> int:
        """Count a batch; returns the generation it belongs to."""
        with self.lock:
            self.batches[mapping] = self.batches.get(mapping, 0) + 1
            self.held_messages.update(messages)
            return self.generation

    def finish_batch(self, mapping: str, messages: list[str], generation: int) -> None:
        """Stop counting a batch."""
        with self.lock:
            if generation != self.generation:
                return
            left = self.batches.get(mapping, 0) - 1
            if left > 0:
                self.batches[mapping] = left
            else:
                self.batches.pop(mapping, None)
            self.held_messages.difference_update(messages)

    def wait_for_attempt(self, token: object, seconds: float) -> bool:
        """Wait for the time of the next attempt; false if the state was replaced meanwhile."""
        with self.lock:
            generation, hurry = self.generation, self.hurry
            due = time.time() + seconds
            self.asynchronous[token] = due
            while generation == self.generation and hurry == self.hurry and (left := due - time.time()) > 0:
                self.lock.wait(left)
            if generation != self.generation:
                return False
            self.asynchronous[token] = 0.0
            return True

    def make_due(self) -> int:
        """Run every waiting asynchronous attempt now; returns how many there are."""
        with self.lock:
            self.hurry += 1
            waiting = sum(1 for due in self.asynchronous.values() if due)
            self.lock.notify_all()
            return waiting

    def forget(self) -> None:
        """Start a new generation: what still runs belongs to the past."""
        with self.lock:
            self.generation += 1
            self.batches.clear()
            self.held_messages.clear()
            self.asynchronous.clear()
            self.lock.notify_all()


activity = Activity()
