// An inbound as it came: who, where, when, headers, query, body; credentials were masked by the gateway.
import { day } from "../format";
import type { Kept } from "../types";
import { Pairs } from "./Bits";
import { Inert } from "./Inert";
import { JsonView } from "./JsonView";

/** The inbound. */
export function KeptInbound({ inbound }: { inbound: Kept }) {
  return (
    <div class="request">
      <p class="line">
        <b>{inbound.vendor}</b> {inbound.endpoint} on route <b>{inbound.route}</b>
        <span class="soft">
          , {day(inbound.received_at)} UTC, {inbound.client ?? "no client"}
          {inbound.client_ip && (
            <>
              {" "}
              from <Inert text={inbound.client_ip} cut={60} />
            </>
          )}
        </span>
      </p>
      <Pairs pairs={inbound.headers} />
      <Pairs pairs={inbound.query} />
      {inbound.body !== null && <JsonView value={inbound.body} label="inbound body" />}
    </div>
  );
}
