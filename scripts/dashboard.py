"""Builds docs/grafana-dashboard.json: panels for every metric family, in the order in which trouble is looked for.

The builders are Grafana's own, so that the file keeps the schema. Run it after a change: `.venv/bin/python
scripts/dashboard.py`.
"""

from itertools import count
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import bargauge, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
    ThresholdsConfig,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableHide,
    VariableOption,
    VariableRefresh,
)

PATH: Final = Path(__file__).parent.parent / "docs" / "grafana-dashboard.json"
_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_HERE: Final = 'instance=~"$instance"'
_OPS: Final = "ops"
_REQUESTS: Final = "reqps"
_SECONDS: Final = "s"
_COUNT: Final = "short"

Query = tuple[str, str]
"""A PromQL expression and its legend."""
Panel = timeseries.Panel | stat.Panel | statetimeline.Panel | bargauge.Panel


def main() -> None:
    """Write the file."""
    PATH.write_text(JSONEncoder(sort_keys=True, indent=2).encode(dashboard().build()) + "\n")


def dashboard() -> Dashboard:
    """All of it."""
    whole = (
        Dashboard("Interaction Gateway")
        .uid("interaction-gateway")
        .description("Clicks in, deliveries out, what waits and why, and what was lost by name.")
        .tags(["interaction-gateway"])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_instances())
    )
    number = count(1)
    for title, widths, panels in (
        ("Traffic", (8, 8, 8, 12, 12), _traffic()),
        ("Delivery funnel", (24, 8, 8, 8, 12, 12), _funnel()),
        ("Backlog", (8, 8, 8), _backlog()),
        ("Upstream health", (8, 8, 8), _upstreams()),
        ("Store", (8, 8, 8), _store()),
        ("Losses", (12, 12), _losses()),
    ):
        whole.with_row(Row(title).id(next(number)))
        for width, panel in zip(widths, panels, strict=True):
            whole.with_panel(panel.id(next(number)).span(width))
    return whole


def _instances() -> QueryVariable:
    everything = VariableOption(selected=True, text="All", value="$__all")
    return (
        QueryVariable("instance")
        .label("Gateway")
        .datasource(_SOURCE)
        .query("label_values(gateway_store_bytes, instance)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(everything)
        .hide(VariableHide.DONT_HIDE)
    )


def _traffic() -> list[Panel]:
    inbound = f"gateway_inbound_total{{{_HERE}}}"
    failed = f'gateway_inbound_total{{{_HERE}, status=~"[45].."}}'
    return [
        _stacked("Inbounds by route", _REQUESTS, (_per_second(inbound, "route"), "{{route}}")),
        _lines("Inbounds by status", _REQUESTS, (_per_second(inbound, "status"), "{{status}}")),
        _lines(
            "Share of inbounds answered 4xx or 5xx",
            "percentunit",
            (f"{_per_second(failed, 'route')} / {_per_second(inbound, 'route')}", "{{route}}"),
        ),
        _lines("Time to the answer", _SECONDS, *_quantiles("gateway_inbound_seconds_bucket")),
        _stacked(
            "Interactions accepted",
            _OPS,
            (_per_second(f"gateway_interactions_total{{{_HERE}}}", "route", "action"), "{{route}} {{action}}"),
        ),
    ]


def _funnel() -> list[Panel]:
    deliveries = f"gateway_deliveries_total{{{_HERE}}}"
    given_up = f'gateway_deliveries_total{{{_HERE}, outcome=~"shed|lost"}}'
    refused = f"gateway_refused_total{{{_HERE}}}"
    return [
        _bars(
            "In this range: interactions in, not carried and why, deliveries and how they ended",
            (f"sum (increase(gateway_interactions_total{{{_HERE}}}[$__range]))", "interactions accepted"),
            (f"sum by (target, reason) (increase({refused}[$__range]))", "{{target}}: {{reason}}"),
            (f"sum by (target, outcome) (increase({deliveries}[$__range]))", "{{target}}: {{outcome}}"),
        ),
        _lines(
            "Delivered",
            _OPS,
            (_per_second(f'gateway_deliveries_total{{{_HERE}, outcome="delivered"}}', "target"), "{{target}}"),
        ),
        _lines(
            "Retried and dead",
            _OPS,
            (
                _per_second(f'gateway_deliveries_total{{{_HERE}, outcome=~"retried|dead"}}', "target", "outcome"),
                "{{target}} {{outcome}}",
            ),
        ),
        _lines(
            "Given up: shed from a full backlog, lost for want of room",
            _COUNT,
            (f"sum by (target, outcome) (increase({given_up}[$__rate_interval]))", "{{target}} {{outcome}}"),
        ),
        _lines("Time of a delivery", _SECONDS, *_quantiles("gateway_delivery_seconds_bucket", "target")),
        _lines(
            "Interactions that a target did not get",
            _OPS,
            (_per_second(refused, "target", "reason"), "{{target}} {{reason}}"),
        ),
    ]


def _backlog() -> list[Panel]:
    return [
        _lines("Waiting", _COUNT, (f"gateway_store_pending{{{_HERE}}}", "{{target}}")),
        _lines("Age of the oldest", _SECONDS, (f"gateway_store_oldest_seconds{{{_HERE}}}", "{{target}}")),
        _lines("Dead letters", _COUNT, (f"gateway_deadletters{{{_HERE}}}", "{{target}}")),
    ]


def _upstreams() -> list[Panel]:
    answers = f"gateway_upstream_responses_total{{{_HERE}}}"
    return [
        _stacked("Answers", _REQUESTS, (_per_second(answers, "upstream", "status"), "{{upstream}} {{status}}")),
        _states("Breaker", "open", (f"gateway_breaker_open{{{_HERE}}}", "{{upstream}}")),
        _states("Account or URL in doubt", "held", (f"gateway_upstream_held{{{_HERE}}}", "{{upstream}}")),
    ]


def _store() -> list[Panel]:
    reloads = f"increase(gateway_config_reloads_total{{{_HERE}}}[$__rate_interval])"
    return [
        _lines("Size", "bytes", (f"gateway_store_bytes{{{_HERE}}}", "{{instance}}")),
        _hours("Full in", (f"min (gateway_store_hours_left{{{_HERE}}})", "")),
        _lines(
            "Reloads of the configuration",
            _COUNT,
            (f"sum by (instance, outcome) ({reloads})", "{{instance}} {{outcome}}"),
        ),
    ]


def _losses() -> list[Panel]:
    losses = f"gateway_losses_total{{{_HERE}}}"
    copied = f"gateway_copied_ids_total{{{_HERE}}}"
    return [
        _lines(
            "Fields that a target cannot be told",
            _OPS,
            (_per_second(losses, "target", "field"), "{{target}} {{field}}"),
        ),
        _lines(
            "Ids copied that another vendor minted",
            _OPS,
            (_per_second(copied, "target", "field"), "{{target}} {{field}}"),
        ),
    ]


def _per_second(series: str, *by: str) -> str:
    return f"sum by ({', '.join(by)}) (rate({series}[$__rate_interval]))"


def _quantiles(bucket: str, *by: str) -> list[Query]:
    buckets = _per_second(f"{bucket}{{{_HERE}}}", "le", *by)
    legend = "".join(f"{{{{{label}}}}} " for label in by)
    return [(f"histogram_quantile({share}, {buckets})", f"{legend}p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)]


def _lines(title: str, unit: str, *queries: Query) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(title)
        .unit(unit)
        .min(0)
        .datasource(_SOURCE)
        .height(8)
        .fill_opacity(5)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    for target in _targets(queries):
        panel.with_target(target)
    return panel


def _stacked(title: str, unit: str, *queries: Query) -> timeseries.Panel:
    return _lines(title, unit, *queries).fill_opacity(30).stacking(StackingConfig().mode(StackingMode.NORMAL))


def _states(title: str, word: str, *queries: Query) -> statetimeline.Panel:
    seen = {
        "0": ValueMappingResult(text="ok", color="green", index=0),
        "1": ValueMappingResult(text=word, color="red", index=1),
    }
    panel = statetimeline.Panel().title(title).datasource(_SOURCE).height(8).mappings([ValueMap(options=seen)])
    for target in _targets(queries):
        panel.with_target(target)
    return panel


def _hours(title: str, *queries: Query) -> stat.Panel:
    steps = [Threshold(value=None, color="red"), Threshold(value=4, color="orange"), Threshold(value=24, color="green")]
    panel = (
        stat.Panel()
        .title(title)
        .description("At the rate of the last quarter of an hour; infinite while the store does not grow.")
        .unit("h")
        .datasource(_SOURCE)
        .height(8)
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )
    for target in _targets(queries):
        panel.with_target(target)
    return panel


def _bars(title: str, *queries: Query) -> bargauge.Panel:
    panel = (
        bargauge.Panel()
        .title(title)
        .unit(_COUNT)
        .decimals(0)
        .min(0)
        .datasource(_SOURCE)
        .height(10)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )
    for target in _targets(queries):
        panel.with_target(target.instant())
    return panel


def _targets(queries: tuple[Query, ...]) -> list[prometheus.Dataquery]:
    return [
        prometheus.Dataquery().ref_id(chr(ord("A") + number)).expr(expression).legend_format(legend).datasource(_SOURCE)
        for number, (expression, legend) in enumerate(queries)
    ]


if __name__ == "__main__":
    main()
