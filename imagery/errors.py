"""Errors that the command line turns into an exit status and one line on stderr."""

from __future__ import annotations


class TwopassError(Exception):
    """Something that the user can act on.

    Parameters
    ----------
    message
        What is wrong, with the file or the argument named.
    found
        The value that was found.
    needed
        The value that is needed.
    option
        The option or argument that mends it.

    Notes
    -----
    ``str(error)`` is one line that holds all four.  A child exists for each exit status, and also
    inherits the builtin that a caller of the library would expect.
    """

    exit_status = 1

    def __init__(
        self,
        message: str,
        *,
        found: object = None,
        needed: object = None,
        option: str | None = None,
    ) -> None:
        self.message = message
        self.found = None if found is None else str(found)
        self.needed = None if needed is None else str(needed)
        self.option = option
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [self.message]
        if self.found is not None:
            parts.append(f"found: {self.found}")
        if self.needed is not None:
            parts.append(f"needed: {self.needed}")
        if self.option is not None:
            parts.append(f"option: {self.option}")
        return " | ".join(" ".join(part.split()) for part in parts)

    def __reduce__(self) -> tuple[object, ...]:
        # The keyword-only arguments would be lost by the default protocol when an error crosses
        # the border of a worker process.
        return _rebuild, (type(self), self.message, self.found, self.needed, self.option)


def _rebuild(
    kind: type[TwopassError],
    message: str,
    found: str | None,
    needed: str | None,
    option: str | None,
) -> TwopassError:
    return kind(message, found=found, needed=needed, option=option)


class UsageError(TwopassError, ValueError):
    """Wrong usage: an option or argument that contradicts another or has no meaning."""

    exit_status = 2


class InputError(TwopassError, ValueError):
    """An input that cannot be used: unreadable, not georeferenced, no overlap, nothing to see."""

    exit_status = 3


class MissingInputError(InputError, FileNotFoundError):
    """A file that is not there."""

    # FileNotFoundError builds itself in __new__ from positional arguments only.
    __str__ = TwopassError.__str__


class OutputError(TwopassError, OSError):
    """An output that cannot be written."""

    exit_status = 3
    __str__ = TwopassError.__str__


class AlignmentError(TwopassError, RuntimeError):
    """The co-registration of two scenes is not trusted, so nothing was differenced."""

    exit_status = 4


class RateError(TwopassError, RuntimeError):
    """A rate of false alarms that the user asked for, and that the decoys at hand can't honour."""

    exit_status = 6


class ClusterError(TwopassError, RuntimeError):
    """A cluster that isn't there, that loses its workers, or that would give another answer."""

    exit_status = 7
