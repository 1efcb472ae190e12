"""What was counted since the start, over all processes, as the status tells it: read from the metrics, kept nowhere."""

from collections import defaultdict
from typing import Any, Final

from gateway.metrics import Metrics

_NOT_SENT: Final = ("filtered", "dropped")
_OUTCOMES: Final = ("delivered", "retried", "dead", "shed", "lost")


class Totals:
    """Every counter's sum at this moment."""

    def __init__(self, metrics: Metrics) -> None:
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for name, labels, value in metrics.counters():
            self._samples[name].append((labels, value))

    def by(self, name: str, label: str, **chosen: str) -> dict[str, int]:
        """A counter's sums by the values of one label, of those samples that have the chosen values."""
        sums: dict[str, float] = defaultdict(float)
        for labels, value in self._samples[name]:
            if all(labels[key] == wanted for key, wanted in chosen.items()):
                sums[labels[label]] += value
        return {key: int(value) for key, value in sums.items()}

    def route(self, name: str) -> dict[str, int]:
        """A route's inbounds, and those that were answered with an error."""
        statuses = self.by("gateway_inbound_total", "status", route=name)
        return {
            "received": sum(statuses.values()),
            "rejected": sum(count for status, count in statuses.items() if status >= "400"),
        }

    @property
    def interactions(self) -> dict[str, int]:
        """Accepted interactions by route."""
        return self.by("gateway_interactions_total", "route")

    def funnel(self, target: str, route: str | None) -> dict[str, int]:
        """What became of a route's interactions at a target, and of the target's deliveries.

        `translated` is what is left after filter, drops and refusals, what still waits included.
        """
        received = self.interactions.get(route or "", 0)
        kept_back = self.by("gateway_refused_total", "reason", target=target)
        left_out = {reason: kept_back.pop(reason, 0) for reason in _NOT_SENT}
        refused, outcomes = sum(kept_back.values()), self.by("gateway_deliveries_total", "outcome", target=target)
        return {
            "received": received,
            **left_out,
            "refused": refused,
            "translated": max(0, received - sum(left_out.values()) - refused),
            "losses": sum(self.by("gateway_losses_total", "field", target=target).values()),
            **{outcome: outcomes.get(outcome, 0) for outcome in _OUTCOMES},
        }

    def upstream(self, name: str) -> dict[str, Any]:
        """An upstream's answers by status, and by what stands for one where none came."""
        return self.by("gateway_upstream_responses_total", "status", upstream=name)
