// A draft as a golden case of the gateway's own tests: settings, a rule, the inbound, a rule; the rest is for pytest.

import { type Draft, isGet } from "./draft";
import { status } from "./stream";
import type { Vendors } from "./types";

const RULE = "-".repeat(100);

/** The text of a file for tests/golden/<source>/; `pytest --update-golden` writes what follows from it. */
export function testCase(draft: Draft, vendors: Vendors): string {
  const vendor = vendorOf(draft.target, vendors);
  const settings = [
    `why = ${JSON.stringify(`What ${draft.target} is told of this; say here why it matters.`)}`,
    ...(draft.mode === "store" ? ['mode = "store"'] : []),
    ...(vendor ? [`only = [${JSON.stringify(vendor)}]`] : []),
  ];
  return `${settings.join("\n")}\n${RULE}\n${inbound(draft, vendors)}${RULE}\n`;
}

function inbound(draft: Draft, vendors: Vendors): string {
  if (!isGet(draft, vendors)) {
    return `POST ${draft.path}\n\n${draft.body.trim()}\n`;
  }
  const query = new URLSearchParams(JSON.parse(draft.body) as Record<string, string>);
  return `GET ${draft.path}?${query}\n\n`;
}

/** The vendor behind the name of a target, an upstream or a vendor. */
function vendorOf(name: string, vendors: Vendors): string | null {
  const told = status.value;
  const named = [...(told?.targets ?? []), ...(told?.upstreams ?? [])].find((one) => one.name === name);
  return named?.vendor ?? vendors.vendors.find((one) => one.name === name)?.name ?? null;
}
