"""What is counted and measured, under the names that dashboards rely on."""

import pytest
from operating_calls import SHOP, operated
from prometheus_client.parser import text_string_to_metric_families

from gateway.admin.readings import Growth, hours_left
from gateway.metrics import Metrics
from gateway.refusals import Refusals
from gateway.sandbox.faults import Rule
from gateway.store.contract import Entry, Record
from gateway.translate import Refused, Translation

NAMES = {
    "gateway_inbound",
    "gateway_inbound_seconds",
    "gateway_interactions",
    "gateway_deliveries",
    "gateway_delivery_seconds",
    "gateway_upstream_responses",
    "gateway_losses",
    "gateway_refused",
    "gateway_store_pending",
    "gateway_store_oldest_seconds",
    "gateway_store_bytes",
    "gateway_breaker_open",
    "gateway_deadletters",
    "gateway_config_reloads",
    "gateway_upstream_held",
    "gateway_store_hours_left",
    "gateway_copied_ids",
}
"""Every family; a counter's samples end in `_total` beside."""


class Samples:
    """A scrape's samples by name and labels."""

    def __init__(self, text):
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        self._values = {(one.name, frozenset(one.labels.items())): one.value for one in samples}
        self.labels = [(one.name, one.labels) for one in samples]

    def __call__(self, name, **labels):
        return self._values[name, frozenset(labels.items())]


async def scraped(gateway):
    """Each sample by its name and labels."""
    async with gateway.session.get(gateway.admin_url + "/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = await answer.text()
    return {one.name for one in text_string_to_metric_families(text)}, Samples(text)


async def test_every_name_is_there_from_the_start(tmp_path):
    """A dashboard finds all families before the first click, and no others."""
    async with operated(tmp_path) as gateway:
        names, samples = await scraped(gateway)
    assert names == NAMES
    assert samples("gateway_store_pending", target="shop/vaix") == 0
    assert samples("gateway_breaker_open", upstream="vaix") == 0
    assert samples("gateway_upstream_held", upstream="vaix") == 0
    assert samples("gateway_store_bytes") > 0
    assert samples("gateway_store_hours_left") == float("inf")
    for outcome in ("delivered", "retried", "dead", "shed", "lost"):
        assert samples("gateway_deliveries_total", target="shop/vaix", vendor="vaix", outcome=outcome) == 0
    for reason in ("unsupported", "missing", "unknown_id", "filtered", "dropped"):
        assert samples("gateway_refused_total", target="shop/vaix", reason=reason) == 0
    for outcome in ("applied", "refused"):
        assert samples("gateway_config_reloads_total", outcome=outcome) == 0


async def test_what_happens_is_counted(tmp_path):
    """Inbounds, interactions, deliveries, answers, losses, copied ids, refusals and dead letters, by closed labels."""
    body = SHOP + '[[routes.targets]]\nupstream = "auxia"\nwhen = { action = "dismiss" }\n'
    async with operated(tmp_path, body) as gateway:
        gateway.sandbox.faults.set(Rule("vaix", "422", count=1))
        await gateway.click("u-1", strange={"colour": "red"})
        await gateway.dead()
        await gateway.click("u-2")
        await gateway.ask("POST", "/api/targets/shop/vaix/pause")
        await gateway.settled()
        await gateway.click("u-3")
        _, samples = await scraped(gateway)
    assert samples("gateway_inbound_total", route="shop", vendor="dynamic_yield", status="204") == 3
    assert samples("gateway_interactions_total", route="shop", action="click") == 3
    assert samples("gateway_inbound_seconds_count") == 3
    assert samples("gateway_deliveries_total", target="shop/vaix", vendor="vaix", outcome="dead") == 1
    assert samples("gateway_deliveries_total", target="shop/vaix", vendor="vaix", outcome="delivered") == 1
    assert samples("gateway_upstream_responses_total", upstream="vaix", status="422") == 1
    assert samples("gateway_upstream_responses_total", upstream="vaix", status="204") == 1
    assert samples("gateway_deadletters", target="shop/vaix") == 1
    assert samples("gateway_store_pending", target="shop/vaix") == 1
    assert samples("gateway_store_oldest_seconds", target="shop/vaix") >= 0
    assert samples("gateway_refused_total", target="shop/auxia", reason="filtered") == 3
    lost = {labels["field"] for name, labels in samples.labels if name == "gateway_losses_total"}
    assert "properties" in lost
    assert not [name for name in lost if name.startswith("properties.")]
    assert not [labels for _, labels in samples.labels if {"u-1", "red", "colour"} & set(labels.values())]


def test_what_several_processes_counted_is_summed():
    """Another process's last word stays in the sum, labels that only it met too; told twice it counts once."""
    mine, other = Metrics(), Metrics()
    mine.route("shop", "vaix").inbound(204, 0.01)
    other.route("shop", "vaix").inbound(204, 0.02)
    other.route("site", "auxia").inbound(200, 0.02)
    for _ in range(2):
        mine.absorb("worker-1", list(other.samples()))
    samples = Samples(mine.text([]).decode())
    assert samples("gateway_inbound_total", route="shop", vendor="vaix", status="204") == 2
    assert samples("gateway_inbound_total", route="site", vendor="auxia", status="200") == 1
    assert samples("gateway_inbound_seconds_count") == 3


def test_any_number_of_names_is_counted():
    """However many properties callers invent, each loss counts once for its delivery, and no name is a label."""
    metrics = Metrics()
    for number in range(3000):
        losses = frozenset({f"properties.{number}", f"properties.x{number}", "user.id"})
        record = Record(number, f"r-{number}", None, "shop", "vaix", "events", {}, {}, b"{}")
        metrics.target("shop/vaix", "vaix").translated(Translation((), (), losses, frozenset()), Entry(1, record))
    samples = Samples(metrics.text([]).decode())
    assert samples("gateway_losses_total", target="shop/vaix", field="properties") == 3000
    assert samples("gateway_losses_total", target="shop/vaix", field="user.id") == 3000
    assert len([name for name, _ in samples.labels if name == "gateway_losses_total"]) == 2


async def test_what_dies_unsent_is_counted(tmp_path):
    """A dead letter that was never sent is a delivery that ended dead, as one is that its vendor refused."""
    async with operated(tmp_path, SHOP.replace("vaix", "auxia")) as gateway:
        await gateway.click(user={"dyid": "d-1"})
        await gateway.dead()
        _, samples = await scraped(gateway)
    assert samples("gateway_deliveries_total", target="shop/auxia", vendor="auxia", outcome="dead") == 1
    assert samples("gateway_refused_total", target="shop/auxia", reason="missing") == 1


def test_what_other_processes_met_is_taken_up():
    """Kinds of refusal add up, few samples of each travel, and both ends stay bounded."""
    translation = Translation((), (Refused(0, "missing", ("user.id",)),), frozenset(), frozenset())
    mine, other = Refusals(), Refusals()
    for number in range(300):
        other.note(
            "shop/vaix", translation, Record(number, f"r-{number}", None, "shop", "vaix", "events", {}, {}, b"{}")
        )
    taken = other.taken()
    assert list(other.kinds()) == []
    mine.absorb(taken)
    mine.absorb(taken)
    (kind,) = mine.kinds()
    assert (kind.count, [one.request_id for one in kind.samples[-2:]]) == (600, ["r-298", "r-299"])
    for _ in range(50):
        mine.absorb(taken)
    assert len(kind.samples) == 100


@pytest.mark.parametrize(
    ("size", "capacity", "rate", "hours"),
    [
        (0, 3600, 1.0, 1.0),
        (1800, 3600, 1.0, 0.5),
        (3600, 3600, 1.0, 0.0),
        (4000, 3600, 0.0, 0.0),
        (0, 3600, 0.0, float("inf")),
        (0, None, 1.0, float("inf")),
    ],
)
def test_hours_left_are_at_the_present_rate(size, capacity, rate, hours):
    """Room over rate; infinite while nothing grows or nothing bounds it, none when it is full."""
    assert hours_left(size, capacity, rate) == hours


def test_growth_is_over_the_last_quarter_of_an_hour():
    """A store that grew long ago and no longer does is said not to grow."""
    growth = Growth()
    assert growth.look(1000, 0.0) == 0.0
    assert growth.look(2000, 10.0) == 100.0
    assert growth.look(1000, 20.0) == 0.0
    for second in range(30, 2000, 10):
        rate = growth.look(5000, float(second))
    assert rate == 0.0
