"""Credentials taken out of what others wrote: a vendor's answer may echo the key it was shown."""

import re
from typing import Any, Final

from gateway.config import Config
from gateway.contract import MASK, credentials
from gateway.wire import encode_json

_BEARER: Final = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]+")


class Masker:
    """Every credential of a configuration, known in order to be hidden."""

    def __init__(self, config: Config) -> None:
        self._config = config
        texts = sorted({secret.reveal() for secret in credentials(config)}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, texts)) or r"(?!)")
        written = [re.escape(encode_json(text)[1:-1]) for text in texts]
        self._suspect = re.compile(b"|".join([*written, b"(?i:bearer)"]))

    def of(self, config: Config) -> "Masker":
        """The masker of a configuration: this one, unless another is in force."""
        return self if config is self._config else Masker(config)

    def json(self, value: Any) -> bytes:
        """A JSON value as its text, without credentials: looked through as a whole, for it seldom holds any."""
        written = encode_json(value)
        return encode_json(self.tree(value)) if self._suspect.search(written) else written

    def text(self, text: str) -> str:
        """A text without credentials."""
        return _BEARER.sub(rf"\1{MASK}", self._known.sub(MASK, text))

    def tree(self, value: Any) -> Any:
        """A JSON value without credentials in any of its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.tree(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.tree(member) for member in value]
        return value
