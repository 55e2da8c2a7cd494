"""How a request of the admin API is refused."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.answer = {"error": message, **more}
