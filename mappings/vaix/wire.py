"""The form of what goes over the wire: the one body, and what each event type's data holds."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType, field, structs

from gateway.contract import Endpoint
from gateway.model import Action, EventType, Item
from gateway.wire import Shape

VENDOR: Final = "vaix"
EventWord = Literal[
    "add:casino_game",
    "clicks:event",
    "clicks:outcome",
    "clicks:sport",
    "clicks:league",
    "clicks:combination",
    "clicks:menu-item",
    "clicks:social",
    "clicks:game",
    "impressions:events",
    "impressions:leagues",
    "impressions:sports",
    "impressions:games",
    "statistics:add_bet",
    "statistics:place_ticket",
    "engagement:add_bet",
    "engagement:place_ticket",
    "users:login",
    "impressions:page",
    "impressions:widget",
    "debug:message",
    "recommendations:add_bet",
    "recommendations:click:betslip-outcome",
    "recommendations:click:combination",
    "recommendations:click:event",
    "recommendations:click:league",
    "recommendations:click:next_outcome",
    "recommendations:click:outcome",
    "recommendations:click:view-more",
    "recommendations:impression:betslip-events",
    "recommendations:impression:events",
    "recommendations:place_bet",
    "social:click",
    "vaix-widgets-loaded",
    "custom",
]
ItemKind = Literal["event", "outcome", "sport", "league", "game"]


class Tracked(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The one body; real clients write numbers for user ids, too."""

    event_type: EventWord
    user_id: str | int | float | UnsetType | None = UNSET
    data: dict[str, Any] | None = None


TRACKED: Final = Shape(Tracked)
ENDPOINT: Final = Endpoint("events", "POST", ("/api/tracker/events",))


class Ids(Struct, frozen=True):
    """Where an event type's data holds its items: one id under `key`, or a list of `{id}` there if `many`.

    `parent` is the key of what an item belongs to; in a list each item needs one if `paired`. What is not `read` is
    only written.
    """

    kind: ItemKind
    key: str
    parent: str | None = None
    many: bool = False
    paired: bool = False
    read: bool = True

    def write(self, items: Sequence[Item]) -> dict[str, Any]:
        """Items under the keys of their event type."""
        if self.many:
            return {self.key: [self.entry(item) for item in items]}
        data: dict[str, Any] = {self.key: items[0].id}
        if self.parent and items[0].parent_id is not None:
            data[self.parent] = items[0].parent_id
        return data

    def entry(self, item: Item) -> dict[str, Any]:
        """One entry of a list as the vendor writes it."""
        members: dict[str, Any] = {"id": item.id}
        if self.parent and item.parent_id is not None:
            members[self.parent] = item.parent_id
        if item.position is not None:
            members["position"] = item.position
        return members


_TEXTS: Final = {"page": "page.location", "location": "placement", "channel": "channel", "brand": "brand"}
_LABELLED: Final = _TEXTS | {"item": "label"}
_OF_PAGE: Final = {
    "location": "page.location",
    "previous_location": "page.referrer",
    "channel": "channel",
    "brand": "brand",
}


class Form(Struct, frozen=True):
    """One event type: an engagement with that `action`, or else an event of that `type`.

    `required` are the data keys that its documentation asks for; `texts` are those that hold text, with the canonical
    name of each.
    """

    action: Action | None = None
    type: EventType = "custom"
    ids: Ids | None = None
    required: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=lambda: _TEXTS)


_WHERE: Final = ("page", "location")
_EVENT: Final = Ids("event", "event_id")
_OUTCOME: Final = Ids("outcome", "outcome_id", "event_id")
_LEAGUE: Final = Ids("league", "league_id")
_COMBINATION: Final = Ids("outcome", "selections", "event_id", many=True, paired=True)
_EVENTS: Final = Ids("event", "events", many=True)
_BET: Final = Form(type="add_to_cart", ids=Ids("outcome", "selection_id", "event_id"))
_TICKET: Final = Form(type="purchase", ids=Ids("outcome", "selections", "event_id", many=True))
FORMS: Final[dict[EventWord, Form]] = {
    "add:casino_game": Form(ids=Ids("game", "game_id", read=False), required=("game_id", "game_name")),
    "clicks:event": Form("click", ids=_EVENT, required=("event_id", *_WHERE)),
    "clicks:outcome": Form("click", ids=_OUTCOME, required=("outcome_id", "event_id", *_WHERE)),
    "clicks:sport": Form("click", ids=Ids("sport", "sport_id"), required=("sport_id", *_WHERE)),
    "clicks:league": Form("click", ids=_LEAGUE, required=("league_id", *_WHERE)),
    "clicks:combination": Form("click", ids=_COMBINATION, required=("selections", *_WHERE)),
    "clicks:menu-item": Form("click", required=("menu", "item", *_WHERE), texts=_LABELLED),
    "clicks:social": Form("click", required=("item", *_WHERE), texts=_LABELLED),
    "clicks:game": Form("click", ids=Ids("game", "game_id"), required=("game_id", *_WHERE)),
    "impressions:events": Form("view", ids=_EVENTS, required=("events", *_WHERE)),
    "impressions:leagues": Form("view", ids=Ids("league", "leagues", many=True), required=("leagues", *_WHERE)),
    "impressions:sports": Form("view", ids=Ids("sport", "sports", many=True), required=("sports", *_WHERE)),
    "impressions:games": Form("view", ids=Ids("game", "game_ids", many=True), required=("game_ids", *_WHERE)),
    "statistics:add_bet": _BET,
    "statistics:place_ticket": _TICKET,
    "engagement:add_bet": structs.replace(_BET, required=("selection_id", "event_id", *_WHERE)),
    "engagement:place_ticket": structs.replace(_TICKET, required=("selections", *_WHERE)),
    "users:login": Form(type="login"),
    "impressions:page": Form("view", required=("location",), texts=_OF_PAGE),
    "impressions:widget": Form("view", required=("location",)),
    "debug:message": Form(),
    "recommendations:add_bet": _BET,
    "recommendations:click:betslip-outcome": Form("click", ids=_OUTCOME),
    "recommendations:click:combination": Form("click", ids=_COMBINATION),
    "recommendations:click:event": Form("click", ids=_EVENT),
    "recommendations:click:league": Form("click", ids=_LEAGUE),
    "recommendations:click:next_outcome": Form("click", ids=_OUTCOME),
    "recommendations:click:outcome": Form("click", ids=_OUTCOME),
    "recommendations:click:view-more": Form("click"),
    "recommendations:impression:betslip-events": Form("view", ids=_EVENTS),
    "recommendations:impression:events": Form("view", ids=_EVENTS),
    "recommendations:place_bet": _TICKET,
    "social:click": Form("click", texts=_LABELLED),
    "vaix-widgets-loaded": Form(),
    "custom": Form(),
}
ANYBODYS: Final = frozenset({"add:casino_game", "custom"})
"""The event types that need no person."""
CLICKS: Final[dict[str, EventWord]] = {
    "event": "clicks:event",
    "outcome": "clicks:outcome",
    "sport": "clicks:sport",
    "league": "clicks:league",
    "game": "clicks:game",
}
IMPRESSIONS: Final[dict[str, EventWord]] = {
    "event": "impressions:events",
    "league": "impressions:leagues",
    "sport": "impressions:sports",
    "game": "impressions:games",
}
