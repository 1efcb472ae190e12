"""What becomes of a leased inbound: pure verdicts on what was sent, and the plan of what to send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json
from msgspec.structs import replace

from gateway.config import Retry
from gateway.contract import Answer, Outbound, Receipt
from gateway.delivery.forward import Asked, left, word, worth_keeping
from gateway.delivery.keeping import inbound_of
from gateway.delivery.planning import Reader, plan
from gateway.delivery.sending import Sent
from gateway.delivery.settle import attempt_of, remembered, settle, tries
from gateway.errors import Ambiguous, NoToken, NotSent, TimedOut
from gateway.routing import RouteTarget
from gateway.shaping import Fill, When
from gateway.store.contract import Attempt, Entry, Record
from gateway.translate import Target, Translation, decode
from mappings import MAPPINGS

NOW = 1_795_255_200.0
STATUS = {"accepted": 204, "refused": 422, "again": 503, "doubt": 403}
FAILURES = {
    "not_sent": NotSent("unreachable"),
    "ambiguous": Ambiguous("cut off"),
    "timed_out": TimedOut("too late"),
    "no_token": NoToken("none to be had"),
}
OUTCOMES = (*STATUS, *FAILURES)
DY = {
    "user": {"id": "u-1"},
    "session": {},
    "engagements": [{"type": "CLICK", "decisionId": "d-1"}, {"type": "IMP", "decisionId": "d-2"}],
}

AUXIA = {
    "projectId": "1250",
    "userId": "u-1",
    "treatmentTrackingId": "6_690e",
    "treatmentId": "77",
    "surface": "HOME_SCREEN",
    "interactionType": "DISMISSED",
    "interactionTimeMicros": 1667829258250000,
}


def record(body=DY, **more):
    kept = {
        "received_at": int(NOW * 1e6),
        "request_id": "r-1",
        "client": "shop",
        "route": "shop",
        "vendor": "dynamic_yield",
        "endpoint": "engagement",
        "headers": {},
        "query": {},
        "body": json.encode(body),
    }
    return Record(**kept | more)


def outbound(*indices):
    return Outbound("POST", "https://vendor.example/", {}, b"{}", indices)


def sent(request, outcome, status=None):
    if outcome in FAILURES:
        return Sent.failed(request, FAILURES[outcome])
    return Sent.judged(request, Answer(status or STATUS[outcome], b"told"), Receipt(outcome))


def judged(entry, requests, ended, retry=None, *, blamed=False):
    return settle("shop/dy", entry, requests, ended, retry or Retry(), NOW, blamed=blamed)


@given(
    st.lists(st.sampled_from((None, *OUTCOMES)), min_size=1, max_size=8),
    st.integers(0, 60),
    st.booleans(),
    st.booleans(),
)
def test_nothing_falls_between_the_verdicts(outcomes, attempts, ambiguous, blamed):
    """Each interaction is delivered, in a dead letter, or tried again: exactly one of them, whatever was answered."""
    entry = Entry(1, record(), attempts=[Attempt(NOW, "again")] * attempts)
    requests = [outbound(index) for index in range(len(outcomes))]
    ended = [sent(request, one) for request, one in zip(requests, outcomes, strict=True) if one]
    found = judged(entry, requests, ended, Retry(ambiguous=ambiguous), blamed=blamed)
    buried = [index for letter in found.letters for index in letter.indices]
    accepted = [one.outbound.indices[0] for one in ended if one.accepted]
    assert found.done == {*accepted, *buried}
    assert not set(accepted) & set(buried)
    assert found.again == (len(found.done) < len(requests))
    assert all(letter.record is entry.record and letter.target == "shop/dy" for letter in found.letters)


def test_an_interaction_is_done_when_all_its_outbounds_are():
    """One that takes two requests is tried again whole while either is open."""
    requests = [outbound(0), outbound(0, 1), outbound(1)]
    ended = [sent(one, outcome) for one, outcome in zip(requests, ("accepted", "again", "accepted"), strict=True)]
    found = judged(Entry(1, record()), requests, ended)
    assert found.done == set()
    assert found.again


@pytest.mark.parametrize("outcome", [one for one in OUTCOMES if one != "accepted"])
def test_what_an_outcome_means(outcome):
    """A refusal is final; everything else is tried again."""
    reason = "refused" if outcome == "refused" else None
    request = outbound(0)
    found = judged(Entry(1, record()), [request], [sent(request, outcome)])
    assert [letter.reason for letter in found.letters] == ([reason] if reason else [])
    assert found.again == (reason is None)


def test_doubt_turns_on_the_inbound_once_others_are_taken():
    """Refused while another succeeds: a dead letter; refused like all others: kept, whatever the number of attempts."""
    request, tired = outbound(0), [Attempt(NOW, "doubt")] * 99
    assert judged(Entry(1, record(), attempts=tired), [request], [sent(request, "doubt")]).again
    found = judged(Entry(1, record()), [request], [sent(request, "doubt")], blamed=True)
    assert [letter.reason for letter in found.letters] == ["refused"]


@pytest.mark.parametrize("outcome", ["ambiguous", "timed_out"])
def test_what_may_have_arrived_is_sent_again_only_where_that_is_allowed(outcome):
    """`retry.ambiguous = false`: a dead letter instead; what was not sent at all is tried again all the same."""
    request = outbound(0)
    found = judged(Entry(1, record()), [request], [sent(request, outcome)], Retry(ambiguous=False))
    assert [letter.reason for letter in found.letters] == ["ambiguous"]
    assert judged(Entry(1, record()), [request], [sent(request, "not_sent")], Retry(ambiguous=False)).again


def test_attempts_are_used_up_by_those_that_count():
    """`retry.attempts` rounds, and not those of an outage."""
    request, retry = outbound(0), Retry(attempts=3)
    counted, outage = Attempt(NOW, "again", 500), Attempt(NOW, "not_sent", counted=False)
    entry = Entry(1, record(), attempts=[counted, outage, outage, counted])
    assert tries(entry) == 2
    assert judged(entry, [request], [sent(request, "again")], retry).again
    entry.attempts.append(counted)
    (letter,) = judged(entry, [request], [sent(request, "again")], retry).letters
    assert letter.reason == "attempts"
    assert len(letter.attempts) == 5


@given(st.lists(st.booleans(), max_size=300))
def test_memory_of_attempts_is_bounded(counted):
    """All that count are remembered, of an outage's only the latest five, in the order in which they were made."""
    attempts = []
    for at, one in enumerate(counted):
        attempts = remembered(attempts, [Attempt(float(at), "again", counted=one)])
    outage = [float(at) for at, one in enumerate(counted) if not one]
    expected = {float(at) for at, one in enumerate(counted) if one} | set(outage[-5:])
    assert [one.at for one in attempts] == sorted(expected)


def test_an_attempt_keeps_no_secret_and_no_novel():
    """What the vendor answered, cut, without the credentials that it repeats."""
    one = Sent.judged(outbound(0), Answer(500, b"key s3cret is bad " * 100), Receipt("again"))
    kept = attempt_of(one, NOW, lambda text: text.replace("s3cret", "***"), counted=True)
    assert kept.answer.startswith("key *** is bad")
    assert "s3cret" not in kept.answer
    assert len(kept.answer) == 500
    assert (kept.status, kept.outcome) == (500, "again")


# Forward mode: what is kept of the primary's part, and what its caller hears


@pytest.mark.parametrize(
    ("outcomes", "keeps"),
    [
        (["accepted"], False),
        (["refused"], False),
        (["not_sent"], True),
        (["ambiguous"], True),
        (["no_token"], True),
        (["again"], True),
        (["accepted", "refused"], True),
        (["again", "refused"], True),
    ],
)
def test_what_a_primary_could_not_take_is_kept(outcomes, keeps):
    """Unreachable or failing: kept. Refused: told to the caller, unless a success hides it from the caller."""
    ended = [sent(outbound(index), one) for index, one in enumerate(outcomes)]
    assert worth_keeping(ended) == (keeps or "accepted" in outcomes)
    open_ = [index for index, one in enumerate(outcomes) if one != "accepted"]
    assert left(ended, ambiguous=True) == open_
    assert left(ended, ambiguous=False) == [index for index in open_ if outcomes[index] != "ambiguous"]


@pytest.mark.parametrize("status", [401, 403, 404, 408, 425, 429])
def test_a_4xx_of_the_primary_is_the_callers(status):
    """Whatever it means to a queue: the caller waits for the answer and gets it."""
    verdict = "again" if status in (408, 425, 429) else "doubt"
    assert not worth_keeping([sent(outbound(0), verdict, status)])


def test_the_worst_of_several_answers_is_relayed():
    """With `on_failure = "relay"` any failed part is told; with "store" any accepted part is a success."""
    mapping = MAPPINGS["dynamic_yield"].example()
    ended = [sent(outbound(0), "accepted"), sent(outbound(1), "again"), sent(outbound(2), "refused")]
    translation = Translation(tuple(one.outbound for one in ended), (), frozenset(), frozenset())
    asked = Asked.since(0.0, translation, ended)
    storing, relaying = (
        RouteTarget(target=Target("t", mapping), upstream="u", on_failure=mode) for mode in ("store", "relay")
    )
    assert word(mapping, storing, asked, kept=True).status == 204
    assert word(mapping, relaying, asked, kept=False).status == 503


# Plans


def aim(vendor="dynamic_yield", **settings):
    late = {name: settings.pop(name) for name in ("late", "late_action") if name in settings}
    return RouteTarget(target=Target(f"shop/{vendor}", MAPPINGS[vendor].example(), **settings), upstream=vendor, **late)


def reader(**replaced):
    return Reader({name: mapping.example() for name, mapping in MAPPINGS.items()} | replaced)


def planned(kept, target, *, done=(), now=NOW, max_age=1e9, by=None):  # noqa: PLR0913  # as plan has them
    return plan(Entry(1, kept, set(done)), target, by or reader(), now, max_age)


def test_only_what_is_not_done_is_sent():
    """Finished indices are left out, as are those that a record does not mean."""
    assert [one.indices for one in planned(record(), aim()).requests] == [(0, 1)]
    assert [one.indices for one in planned(record(), aim(), done=[0]).requests] == [(1,)]
    assert [one.indices for one in planned(record(indices=(0,)), aim()).requests] == [(0,)]


@pytest.mark.parametrize(
    "kept",
    [
        record(vendor="gone"),
        record(endpoint="gone"),
        replace(record(), body=b"{"),
        record({"user": 7}),
        replace(record(), body=b"[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter(kept):
    """A mapping that is gone, a body that it no longer takes: named, kept, and never tried for ever."""
    found = planned(kept, aim())
    (letter,) = found.letters
    assert (letter.reason, letter.record, found.requests) == ("unreadable", kept, ())
    assert letter.attempts[-1].answer


class _Broken:
    """A mapping whose every method fails as no mapping should."""

    NAME = "dynamic_yield"
    ENDPOINTS = MAPPINGS["dynamic_yield"].ENDPOINTS

    def __getattr__(self, name):
        raise ZeroDivisionError(name)


def test_a_mapping_that_fails_costs_one_inbound():
    """Whatever it raises, reading or telling: a dead letter, no crash."""
    for found in (
        planned(record(), aim(), by=reader(dynamic_yield=_Broken())),
        planned(record(), RouteTarget(target=Target("shop/x", _Broken()), upstream="x")),
    ):
        assert [letter.reason for letter in found.letters] == ["unreadable"]
        assert "ZeroDivisionError" in found.letters[0].attempts[-1].answer


def test_what_waited_too_long_is_a_dead_letter():
    """After `max_age`, with what was not delivered yet; never while the clocks disagree, never a replayed one."""
    (letter,) = planned(record(), aim(), done=[0], now=NOW + 11, max_age=10.0).letters
    assert (letter.reason, letter.indices) == ("max_age", (1,))
    for kept, max_age in ((record(), None), (record(replayed=True), 10.0)):
        found = planned(kept, aim(), now=NOW + 11, max_age=max_age)
        assert (found.letters, len(found.requests)) == ((), 1)


def test_a_replay_asks_neither_when_nor_share_again():
    """It was chosen once; today's filter must not make it vanish."""
    filtered = aim(when=When((("action", ("swipe",)),)))
    assert planned(record(), filtered).requests == ()
    assert len(planned(record(replayed=True), filtered).requests) == 1


def test_what_a_target_cannot_carry_is_named():
    """Missing fields are a dead letter with their names; a vendor without the word is none."""
    found = planned(record(), aim("gravity_field"))
    assert {letter.reason for letter in found.letters} == {"missing"}
    assert {"page.location"} <= {name for letter in found.letters for name in letter.fields}
    ordinary = planned(record(AUXIA, vendor="auxia", endpoint="interaction"), aim())
    assert [one.reason for one in ordinary.translation.refused] == ["unsupported"]
    assert (ordinary.requests, ordinary.letters) == ((), ())


LATE = {"late": 60.0}


def test_lateness_costs_the_time_where_a_vendor_takes_none():
    """Dynamic Yield has no field for it: `occurred_at` is lost and named; Auxia has one, and loses nothing by it."""
    fill = Fill.of({"placement": "p", "variations": "1"})
    for vendor, is_lost in (("dynamic_yield", True), ("auxia", False)):
        for now, is_late in ((NOW + 59, False), (NOW + 61, True)):
            found = planned(record(), aim(vendor, fill=fill, unsupported="event", **LATE), now=now)
            assert len(found.requests) >= 1
            assert ("occurred_at" in found.translation.losses) == (is_lost and is_late), (vendor, now)


def test_lateness_may_be_death():
    """`late_action = "dead"`: a dead letter that names the time; a replay is sent, for its owner knows."""
    target = aim(**LATE, late_action="dead")
    (letter,) = planned(record(), target, now=NOW + 61).letters
    assert (letter.reason, letter.fields, letter.indices) == ("late", ("occurred_at",), (0, 1))
    assert planned(record(), target, now=NOW + 61).requests == ()
    for kept, max_age in ((record(replayed=True), 1e9), (record(), None)):
        assert len(planned(kept, target, now=NOW + 61, max_age=max_age).requests) == 1


def test_an_inbound_is_read_once_for_all_its_targets():
    """Who is abreast shares the reading; large bodies are not held, and what is held is bounded."""
    by = reader()
    first = by.read(Entry(1, record()))
    assert by.read(Entry(1, record())) is first
    large = record(DY | {"context": {"page": {"type": "OTHER", "location": "x" * 5000}}})
    assert by.read(Entry(2, large)) is not by.read(Entry(2, large))
    for position in range(3, 3000):
        by.read(Entry(position, record()))
    assert by.read(Entry(1, record())) is not first


def accepted(kept, **more):
    """A record as it is accepted: what it says was read of these facts, without a time."""
    source, came = inbound_of(kept, {kept.vendor: MAPPINGS[kept.vendor].example()})
    return decode(source, replace(came, **more))


def test_what_was_read_when_it_was_accepted_is_not_read_again():
    """It is delivered as if it were, with the time of receipt; another record, or one that holds less, is read."""
    kept, twin, by = record(), record(), reader()
    known = accepted(kept)
    by.foresee(kept, known)
    for vendor in ("dynamic_yield", "gravity_field"):
        assert planned(kept, aim(vendor), by=by) == planned(kept, aim(vendor))
    assert by.read(Entry(1, kept)).said is known.interactions
    assert [one.occurred_at for one in by.read(Entry(1, kept)).interactions] == [kept.received_at] * 2
    by.foresee(kept, known)
    assert by.read(Entry(2, twin)).said is not known.interactions
    keyed = accepted(twin, query={"key": "s3cret"})
    by.foresee(twin, keyed)
    assert by.read(Entry(3, twin)).inbound.query == {}
