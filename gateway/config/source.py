"""The text that a configuration was read from; secrets may stand in it, so it never prints."""

from pathlib import Path


class Source:
    """A file's path and its text."""

    __slots__ = ("path", "text")

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = text

    def __repr__(self) -> str:
        """The path alone."""
        return f"Source({str(self.path)!r})"

    def __eq__(self, other: object) -> bool:
        """Whether both are the same text of the same file."""
        return isinstance(other, Source) and (self.path, self.text) == (other.path, other.text)

    def __hash__(self) -> int:
        """The hash of both."""
        return hash((self.path, self.text))
