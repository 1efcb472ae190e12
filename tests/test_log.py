"""The log's lines: what they look like, what they never hold, and that they never end what they tell of."""

import io
import subprocess
import sys

import msgspec
import pytest
import structlog

from gateway import log


@pytest.fixture(autouse=True)
def _default_log():
    yield
    structlog.reset_defaults()


def lines(captured):
    return [msgspec.json.decode(line) for line in captured.readouterr().out.splitlines()]


def test_a_json_line_is_one_object(capsysbinary):
    """JSON form: one line, one object, with the event, level and UTC time beside the fields."""
    log.configure("info", "json")
    structlog.get_logger().info("inbound", request_id="r-1", losses=["session.id"], targets={"shop/gf": "accepted"})
    (line,) = lines(capsysbinary)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "inbound",
        "level": "info",
        "request_id": "r-1",
        "losses": ["session.id"],
        "targets": {"shop/gf": "accepted"},
    }


def test_auto_is_json_where_no_terminal_is(capsysbinary):
    """Piped into a collector the log is JSON without anyone asking for it."""
    log.configure("info", "auto")
    structlog.get_logger().info("inbound")
    assert lines(capsysbinary)[0]["event"] == "inbound"


def test_the_console_form_is_for_people(capsys):
    """Console form: the same fields, spelled for eyes."""
    log.configure("info", "console")
    structlog.get_logger().info("inbound", status=204, losses=["session.id"])
    text = capsys.readouterr().out
    assert "inbound" in text
    assert "status=204" in text
    assert "losses=['session.id']" in text


def test_the_level_holds_back_what_is_below(capsysbinary):
    """`level = "warning"` leaves ordinary lines out."""
    log.configure("warning", "json")
    structlog.get_logger().info("inbound")
    structlog.get_logger().warning("delivery failed")
    assert [line["event"] for line in lines(capsysbinary)] == ["delivery failed"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_names_from_callers_are_bounded(capsysbinary, form):
    """A caller that invents thousands of long property names does not write the log full."""
    log.configure("info", form)
    structlog.get_logger().info("inbound", losses=[f"properties.{'x' * 500}{n}" for n in range(5000)], error="e" * 5000)
    out = capsysbinary.readouterr().out
    assert len(out) < 25_000
    assert "… and 4900 more".encode() in out


@pytest.mark.parametrize("form", ["json", "console"])
def test_nothing_steers_a_terminal_or_fakes_a_line(capsysbinary, form):
    """Control characters and lone surrogates in a value are written as escapes."""
    log.configure("info", form)
    structlog.get_logger().info("inbound", error="a\nfake line\x1b[2J\udcff", losses=["properties.\x1b[31m\nfake"])
    out = capsysbinary.readouterr().out
    assert out.count(b"\n") == 1
    assert b"\x1b[2J" not in out
    assert b"\x1b[31m" not in out


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_variables(capsysbinary, form):
    """An unexpected failure is told with its traceback, never with the values around it."""
    log.configure("info", form)

    def fail(secret):
        raise RuntimeError(len(secret))

    secret = "swordfish-42"
    try:
        fail(secret)
    except RuntimeError:
        structlog.get_logger().exception("inbound failed")
    out = capsysbinary.readouterr().out
    assert b"RuntimeError" in out
    assert b"swordfish-42" not in out


def test_what_json_cannot_hold_is_still_told(capsysbinary):
    """A value of any kind costs its line nothing but its form."""
    log.configure("info", "json")
    structlog.get_logger().info("odd", number=7, value=object(), nested={"a": "\udcff"})
    (line,) = lines(capsysbinary)
    assert line["event"] == "odd"
    assert line["number"] == 7
    assert line["value"].startswith("<object object")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_log_that_nobody_reads_ends_nothing(monkeypatch, form):
    """When the reader of standard output is gone, writing a line is no error for who writes it."""

    class Broken(io.RawIOBase):
        def writable(self):
            return True

        def write(self, _):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(Broken(), 1), write_through=True))
    log.configure("info", form)
    structlog.get_logger().info("inbound")
    monkeypatch.undo()


def test_what_libraries_log_takes_the_same_form():
    """A warning through `logging` is a JSON line on standard output, not text on standard error."""
    script = (
        "import logging\nfrom gateway import log\nlog.configure('info', 'json')\n"
        "logging.getLogger('asyncio').info('hidden')\nlogging.getLogger('asyncio').error('lost %s', 7)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    (line,) = [msgspec.json.decode(line) for line in done.stdout.splitlines()]
    assert (line["event"], line["logger"], line["message"]) == ("library", "asyncio", "lost 7")
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("requests", "drawn", "success", "failure"),
    [
        ("all", 0.99, True, True),
        ("errors", 0.0, False, True),
        (0.01, 0.005, True, True),
        (0.01, 0.5, False, True),
        (0.0, 0.0, False, True),
        (1.0, 0.999, True, True),
    ],
)
def test_requests_says_which_inbounds_get_a_line(requests, drawn, success, failure):
    """`all`, `errors` or a share of the successes; errors always."""
    logs = log.sampler(requests, lambda: drawn)
    assert (logs(204), logs(404)) == (success, failure)
