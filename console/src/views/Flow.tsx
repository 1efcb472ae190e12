// Flow: how the gateway is doing, to be seen at a glance: the verdict, the last minutes, the picture, the funnels.

import { Empty } from "../parts/Bits";
import { Chart } from "../parts/Chart";
import { place } from "../router";
import { status } from "../stream";
import type { Status } from "../types";
import { Detail } from "./FlowDetail";
import { Funnels } from "./FlowFunnels";
import { Picture } from "./FlowPicture";
import { Tiles, Verdict } from "./FlowSummary";
import { Upstreams } from "./FlowUpstreams";

/** The view. */
export function Flow() {
  const told = status.value;
  if (!told) {
    return <Empty>Waiting for the first status…</Empty>;
  }
  const chosen = told.targets.find((one) => one.name === place.value.params.target);
  return (
    <div class={chosen ? "split open" : "split"}>
      <div class="column">
        <Verdict status={told} />
        <div class="overview">
          <Tiles status={told} />
          <section class="card chart-card" aria-labelledby="chart-title">
            <h2 id="chart-title">Last minutes</h2>
            <Chart />
          </section>
        </div>
        <Picture status={told} />
        <Orphans status={told} />
        <Upstreams upstreams={told.upstreams} />
        <Funnels status={told} />
      </div>
      {chosen && <Detail key={chosen.name} target={chosen} status={told} />}
    </div>
  );
}

function Orphans({ status }: { status: Status }) {
  const names = status.targets.filter((one) => one.route === null).map((one) => one.name);
  return names.length === 0 ? null : (
    <p class="note">No longer in the configuration, their backlog is kept: {names.join(", ")}.</p>
  );
}
