// The accounts at the vendors: whether they let us in, how much is under way, what they answer.
import { count } from "../format";
import { Chip, State } from "../parts/Bits";
import { Inert } from "../parts/Inert";
import { Scroll } from "../parts/Scroll";
import type { Standing } from "../state";
import type { Upstream } from "../types";

/** All upstreams. */
export function Upstreams({ upstreams }: { upstreams: Upstream[] }) {
  return (
    <section class="card" aria-labelledby="upstreams-title">
      <h2 id="upstreams-title">Upstreams</h2>
      <Scroll label="Upstreams">
        <table>
          <thead>
            <tr>
              <th scope="col">Upstream</th>
              <th scope="col">State</th>
              <th scope="col" class="right">
                In flight
              </th>
              <th scope="col" class="right">
                Concurrency
              </th>
              <th scope="col">Answers since start</th>
            </tr>
          </thead>
          <tbody>
            {upstreams.map((one) => (
              <Row key={one.name} upstream={one} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Row({ upstream }: { upstream: Upstream }) {
  return (
    <tr>
      <th scope="row">
        {upstream.name}{" "}
        <span class="soft small">
          {upstream.vendor} · <Inert text={upstream.base_url} cut={80} />
        </span>
      </th>
      <td>
        <State standing={door(upstream)} />
      </td>
      <td class="right number">{count(upstream.in_flight)}</td>
      <td class="right number">
        {count(upstream.concurrency)} <span class="soft">of {count(upstream.max_concurrency)}</span>
      </td>
      <td>
        <Answers responses={upstream.responses} />
      </td>
    </tr>
  );
}

function Answers({ responses }: { responses: Record<string, number> }) {
  const list = Object.entries(responses).sort(([one], [other]) => one.localeCompare(other));
  return (
    <>
      {list.length === 0 && <span class="soft">none yet</span>}
      {list.map(([status, number]) => (
        <Chip key={status} tone={/^2/.test(status) ? "ok" : "wait"}>
          {status} × <span class="number">{count(number)}</span>
        </Chip>
      ))}
    </>
  );
}

function door(upstream: Upstream): Standing {
  if (upstream.held) {
    return { word: "held: account in doubt", tone: "bad", glyph: "■", isTrouble: true };
  }
  if (upstream.breaker_open) {
    return { word: "breaker open", tone: "bad", glyph: "▲", isTrouble: true };
  }
  return upstream.paused_seconds > 0
    ? { word: `waits ${Math.ceil(upstream.paused_seconds)} s`, tone: "wait", glyph: "◔", isTrouble: true }
    : { word: "open", tone: "ok", glyph: "●", isTrouble: false };
}
