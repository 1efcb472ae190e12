"""The sandbox's own pages: a description at /, /_faults to arrange failures, /_received to see what came."""

from html import escape
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.sandbox.faults import SPELLINGS, FaultPlan, Rule
from gateway.sandbox.record import Record
from gateway.sandbox.vendors import VENDORS

_LONGEST_WAIT: Final = 30
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sandbox of five vendors</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ccc }}
code, pre {{ font-size: 13px }}
</style>
<h1>Five vendors, pretended</h1>
<p>Each path below behaves like the vendor's own: it asks for the credentials, holds the body to the vendor's contract,
names everything that is wrong, and answers with the vendor's statuses and words. Nothing leaves this machine.</p>
<h2>Vendors</h2>
<table><tr><th>vendor<th>takes<th>credentials</tr>
{vendors}
</table>
<h2>Failures</h2>
<p>For one call the header <code>X-Sandbox-Fault</code>; for the calls of a vendor (or <code>*</code>):</p>
<pre>curl -X PUT {url}/_faults -d '{{"vendor": "dynamic_yield", "fault": "429", "rate": 0.5, "count": 10}}'
curl -X DELETE {url}/_faults</pre>
<table><tr><th>fault<th>what happens</tr>
{faults}
</table>
<p>In force now: <code>{rules}</code></p>
<h2>Received</h2>
<p>{received} calls are remembered, of the latest 50,000: <a href="/_received?limit=20">/_received</a> takes
<code>vendor</code>, <code>limit</code> (the latest so many), <code>wait</code> (until there are so many) and
<code>timeout</code> (seconds); credentials are masked. <code>DELETE</code> forgets them.</p>
"""


class Admin:
    """The pages over one plan of faults and one record."""

    def __init__(self, plan: FaultPlan, record: Record) -> None:
        self._plan = plan
        self._record = record

    def install(self, app: web.Application) -> None:
        """Adds the pages to an application."""
        app.router.add_get("/", self._describe)
        app.router.add_get("/_faults", self._show_faults)
        app.router.add_put("/_faults", self._set_fault)
        app.router.add_post("/_faults", self._set_fault)
        app.router.add_delete("/_faults", self._clear_faults)
        app.router.add_get("/_received", self._show_received)
        app.router.add_delete("/_received", self._clear_received)

    async def _describe(self, request: web.Request) -> web.Response:
        takes = {
            vendor.name: [f"{endpoint.method} {path}" for endpoint in vendor.endpoints for path in endpoint.paths]
            for vendor in VENDORS
        }
        page = _PAGE.format(
            url=escape(f"http://{request.host}"),
            vendors="\n".join(_row(one.name, "\n".join(takes[one.name]), one.credentials) for one in VENDORS),
            faults="\n".join(_row(spelling, meaning) for spelling, meaning in SPELLINGS.items()),
            rules=escape(msgspec.json.encode(self._plan.rules).decode()),
            received=len(self._record.entries()),
        )
        return web.Response(text=page, content_type="text/html")

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return _json(self._plan.rules)

    async def _set_fault(self, request: web.Request) -> web.Response:
        """Puts one rule in force; answers with all that are."""
        try:
            rule = msgspec.json.decode(await request.read(), type=Rule)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return _json({"error": str(error)}, 422)
        self._plan.set(rule)
        return _json(self._plan.rules)

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._plan.clear()
        return web.Response(status=204)

    async def _show_received(self, request: web.Request) -> web.Response:
        try:
            limit, wait, seconds = (_number(request, *one) for one in (("limit", 0), ("wait", 0), ("timeout", 5)))
        except ValueError as error:
            return _json({"error": str(error)}, 422)
        vendor = request.query.get("vendor")
        entries = await self._record.wait(wait, vendor, min(seconds, _LONGEST_WAIT))
        return _json(entries[-limit:] if limit else entries)

    async def _clear_received(self, _request: web.Request) -> web.Response:
        self._record.clear()
        return web.Response(status=204)


def _number(request: web.Request, name: str, default: int) -> int:
    """A whole number among the query parameters; ValueError when it is something else."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name} must be a whole number")
    return int(text)


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell).replace(chr(10), '<br>')}" for cell in cells) + "</tr>"


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
