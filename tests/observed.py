"""The dashboard and the alerting rules, as their readers load them."""

import json
from pathlib import Path

import yaml

DOCS = Path(__file__).parent.parent / "docs"
DASHBOARD = DOCS / "grafana-dashboard.json"
ALERTS = DOCS / "alerts.yml"


def panels():
    """The dashboard's panels, without the rows."""
    return [one for one in json.loads(DASHBOARD.read_text())["panels"] if one["type"] != "row"]


def queries():
    """Every query of the dashboard."""
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def alerts():
    """Every alerting rule."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def concrete(expression):
    """A query with the values that Grafana puts for its variables."""
    for variable, value in (("$__rate_interval", "1m"), ("$__range", "5m"), ("$instance", ".*")):
        expression = expression.replace(variable, value)
    return expression
