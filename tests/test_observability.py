"""What watches the gateway from outside names what is there: the dashboard's queries and the alerting rules."""

import importlib.util
import json
import re
from pathlib import Path

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from observed import ALERTS, DASHBOARD, alerts, concrete, panels, queries

from gateway.metrics import GAUGES, Metrics

ROOT = Path(__file__).parent.parent
SCRAPED = {"instance", "job"}
"""What Prometheus adds to each sample."""


def series():
    """The labels of every series that the gateway tells, and of Prometheus' own one about it."""
    found = {"up": set()} | {name: {label} - {""} for name, (label, _) in GAUGES.items()}
    for family in Metrics()._families:
        labels = set(family._labelnames)
        if family._type == "counter":
            found[f"{family._name}_total"] = labels
        else:
            found |= {f"{family._name}_bucket": labels | {"le"}, f"{family._name}_count": labels}
            found[f"{family._name}_sum"] = labels
    return {name: labels | SCRAPED for name, labels in found.items()}


SERIES = series()


def named(expression):
    """The series that a query names, and the labels: those it selects by, with their series, and those it groups by."""
    selectors, grouped = [], set()

    def visit(node):
        if isinstance(node, promql_parser.VectorSelector):
            selectors.append((node.name, {one.name for one in node.matchers.matchers}))
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            grouped.update(node.modifier.labels)
        elif isinstance(node, promql_parser.BinaryExpr) and node.modifier is not None and node.modifier.matching:
            grouped.update(node.modifier.matching.labels)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return selectors, grouped


def test_a_query_is_read_as_prometheus_reads_it():
    """Every part of a query is looked into: selectors, groups, both sides and what they are matched on."""
    selectors, grouped = named('sum by (a) (rate(x{b="1"}[5m])) / on (c) max without (d) (y offset 5m) unless z')
    assert sorted(selectors) == [("x", {"b"}), ("y", set()), ("z", set())]
    assert grouped == {"a", "c", "d"}


@pytest.mark.parametrize("expression", [*queries(), *(one["expr"] for one in alerts())])
def test_each_query_names_only_what_is_there(expression):
    """Each series is one of the gateway's, and each label one of that series'."""
    selectors, grouped = named(concrete(expression))
    assert selectors
    for name, labels in selectors:
        assert name in SERIES
        assert labels <= SERIES[name], name
    assert grouped <= set.union(*(SERIES[name] for name, _ in selectors))


def test_the_dashboard_has_every_family():
    """No family that is counted or measured is missing from the panels."""
    shown = {name for expression in queries() for name, _ in named(concrete(expression))[0]}
    families = {family._name for family in Metrics()._families} | set(GAUGES)
    assert {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in shown} == families


def test_the_legends_name_only_labels_that_are_left():
    """What a legend shows is a label of its query's series."""
    for panel in panels():
        for target in panel["targets"]:
            selectors, grouped = named(concrete(target["expr"]))
            left = grouped or set.union(*(SERIES[name] for name, _ in selectors))
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= left


def test_the_dashboard_keeps_grafanas_schema():
    """Read into Grafana's own models and written again it is the same: no key is unknown, none is of another type."""
    text = DASHBOARD.read_text()
    again = JSONEncoder(sort_keys=True, indent=2).encode(Dashboard.from_json(json.loads(text)))
    assert json.loads(again) == json.loads(text)


def test_the_dashboard_can_be_drawn():
    """Rows in their order, panels with a title, a data source that can be chosen, and no two in one place."""
    whole = json.loads(DASHBOARD.read_text())
    rows = [one["title"] for one in whole["panels"] if one["type"] == "row"]
    assert rows == ["Traffic", "Delivery funnel", "Backlog", "Upstream health", "Store", "Losses"]
    ids = [one["id"] for one in whole["panels"]]
    assert len(set(ids)) == len(ids)
    places = set()
    for panel in whole["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & places
        assert max(x for x, _ in cells) < 24
        places |= cells
    for panel in panels():
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["type"] == "state-timeline" or panel["fieldConfig"]["defaults"]["unit"]
    variables = {one["name"]: one for one in whole["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["instance"]["query"] == "label_values(gateway_store_bytes, instance)"


def test_the_dashboard_is_what_its_script_builds():
    """docs/grafana-dashboard.json is made by scripts/dashboard.py, not by hand."""
    spec = importlib.util.spec_from_file_location("dashboard", ROOT / "scripts" / "dashboard.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    built = JSONEncoder(sort_keys=True, indent=2).encode(script.dashboard().build()) + "\n"
    assert built == DASHBOARD.read_text()


def test_each_alert_says_what_to_do():
    """Each has its wait, one of two severities, a summary of whom it concerns, and a runbook."""
    names = [one["alert"] for one in alerts()]
    assert len(set(names)) == len(names) > 10
    for one in alerts():
        assert re.fullmatch(r"\d+m", one["for"])
        assert one["labels"]["severity"] in ("critical", "warning")
        assert one["annotations"]["summary"].startswith("{{ $labels.instance }}: ")
        assert len(one["annotations"]["runbook"]) > 20
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(one["annotations"])):
            selectors, grouped = named(one["expr"])
            assert label in (grouped or set.union(*(SERIES[name] for name, _ in selectors)))


def test_each_alert_is_tried():
    """The unit tests of the rules name each alert."""
    tried = (ROOT / "tests" / "alerts_test.yml").read_text()
    assert [one["alert"] for one in alerts() if one["alert"] not in tried] == []
    assert yaml.safe_load(tried)["rule_files"] == [f"../docs/{ALERTS.name}"]
