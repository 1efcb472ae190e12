"""Every way a request or a start can fail, as one tree.

    GatewayError
    ├── Rejected                 an inbound that is never stored and never sent
    │   ├── NotJson              400  the body is no JSON document
    │   ├── Malformed            422  JSON, but not what the endpoint's schema asks; names every fault
    │   ├── NoKey                401  no key, or one that no client owns
    │   ├── Forbidden            403  a known key that no route accepts here
    │   ├── NoSuchPath           404
    │   ├── WrongMethod          405  carries the methods that are allowed
    │   ├── BodyTimeout          408  the body did not arrive in time
    │   ├── CallerGone           400  the caller went away before its body was complete
    │   ├── TooLarge             413
    │   ├── WrongContentType     415
    │   ├── RateLimited          429  carries the seconds to wait
    │   └── Overloaded           503  carries the seconds to wait
    │       └── StoreFull        503  the store has no room
    ├── DeliveryFailed           an outbound whose vendor gave no usable answer
    │   ├── NotSent              502  no byte of the request was written
    │   ├── Ambiguous            504  written, but no complete answer came
    │   │   └── TimedOut         504  nor any other sign in time
    │   ├── NoToken              502  the OAuth token it needs could not be had
    │   ├── Unsendable           422  it holds what no HTTP request can carry; never sent
    │   └── UpstreamAnswered     4xx as the vendor's own; 502 for its failures and for what a success hid
    ├── Refused                  422  no interaction of the inbound can be carried by the target
    ├── StoreUnusable            the store cannot be opened
    ├── CannotListen             a port cannot be had
    └── ConfigFaults             the configuration; names every fault

Each class carries the HTTP `status` that a caller sees and a stable `code` for logs and metrics.
"""

from pathlib import Path

from msgspec import Struct


class Fault(Struct, frozen=True, order=True):
    """One mistake: where it stands (`engagements[0].decisionId`; empty for the whole document) and what it is."""

    path: str
    message: str

    def __str__(self) -> str:
        """`path: message`, or the message alone when it concerns the whole document."""
        return f"{self.path}: {self.message}" if self.path else self.message


class GatewayError(Exception):
    """The root; its text is safe to show to a caller and to log."""

    status: int = 500
    code: str = "internal"

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault by its path; one for the whole document where no path applies."""
        return (Fault("", str(self)),)


class _Faulty(GatewayError):
    """An error that is a list of faults."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self._faults = faults

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault by its path."""
        return self._faults


class Rejected(GatewayError):
    """An inbound that is never stored and never sent."""


class NotJson(Rejected):
    """The body is no JSON document, or one nested too deeply to read."""

    status = 400
    code = "not_json"


class Malformed(Rejected, _Faulty):
    """JSON, but not what the endpoint's schema asks for."""

    status = 422
    code = "malformed"


class NoKey(Rejected):
    """No key was shown, or one that no client owns."""

    status = 401
    code = "no_key"


class Forbidden(Rejected):
    """The key's owner is known, but no route accepts that client here."""

    status = 403
    code = "forbidden"


class NoSuchPath(Rejected):
    """No route serves this path."""

    status = 404
    code = "no_such_path"


class WrongMethod(Rejected):
    """The path exists, for other methods (`allowed`)."""

    status = 405
    code = "wrong_method"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(f"this path takes {' and '.join(allowed)}")
        self.allowed = allowed


class BodyTimeout(Rejected):
    """The body did not arrive within `[server] body_timeout`."""

    status = 408
    code = "body_timeout"


class CallerGone(Rejected):
    """The caller went away before its body was complete: nobody will read the answer."""

    status = 400
    code = "caller_gone"


class TooLarge(Rejected):
    """The body, or what it inflates to, exceeds `[server] max_body`."""

    status = 413
    code = "too_large"


class WrongContentType(Rejected):
    """The body claims to be something other than JSON."""

    status = 415
    code = "wrong_content_type"


class _Later(Rejected):
    """Come back in `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(_Later):
    """The client sends faster than its `rate_limit`."""

    status = 429
    code = "rate_limited"


class Overloaded(_Later):
    """The gateway cannot take more at the moment."""

    status = 503
    code = "overloaded"


class DeliveryFailed(GatewayError):
    """An outbound whose vendor gave no usable answer."""

    status = 502
    code = "delivery_failed"


class NotSent(DeliveryFailed):
    """No byte of the request was written: it may be tried again freely."""

    code = "not_sent"


class Ambiguous(DeliveryFailed):
    """The request was written, but no complete answer came: the vendor may have taken it."""

    status = 504
    code = "ambiguous"


class TimedOut(Ambiguous):
    """The request was written, and its upstream's `timeout` is over."""


class NoToken(DeliveryFailed):
    """The OAuth token that the upstream needs could not be had; nothing was sent."""

    code = "no_token"


class Unsendable(DeliveryFailed):
    """The outbound holds what no HTTP request can carry, such as a line break in a header: it is never sent."""

    status = 422
    code = "refused"


class UpstreamAnswered(DeliveryFailed):
    """The vendor's answer was no: its own status where that is the caller's to mend, else 502."""

    code = "upstream_answered"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status if 400 <= status < 500 else 502


class Refused(_Faulty):
    """No interaction of the inbound can be carried by the target; its faults name reasons and fields."""

    status = 422
    code = "refused"


class CannotListen(GatewayError):
    """A port cannot be had: it is in use, forbidden, or the host is not this machine's."""

    code = "cannot_listen"


class CannotTrace(GatewayError):
    """Traces are configured and what makes them is not installed."""

    code = "cannot_trace"


class ConfigFaults(_Faulty):
    """Everything that is wrong with a configuration, each fault with its line and path; `files` should hold secrets."""

    code = "config"

    def __init__(self, faults: tuple[Fault, ...], files: tuple[Path, ...] = ()) -> None:
        super().__init__(faults)
        self.files = files
        self.text: str | None = None
        """The file's text, with its secrets, where it could be read."""


class StoreFull(Overloaded):
    """There is no room for another inbound; nothing of it was kept."""

    code = "store_full"

    def __init__(self, message: str) -> None:
        super().__init__(message, 5)


class StoreUnusable(GatewayError):
    """The store cannot be opened: another process holds it, or it cannot be read or written."""

    code = "store_unusable"
