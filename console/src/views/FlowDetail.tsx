// One target opened: its funnel, its terms, its upstream, and what can be done to it.
import { useState } from "preact/hooks";
import { worded, write } from "../api";
import { age, count, rate, share } from "../format";
import { Ask } from "../parts/Ask";
import { Failure, State } from "../parts/Bits";
import { Inert } from "../parts/Inert";
import { Panel } from "../parts/Panel";
import { href } from "../router";
import { standing, upstreamOf } from "../state";
import { past } from "../stream";
import type { Status, Target } from "../types";
import { FunnelOf } from "./FlowFunnels";
import { conditions } from "./FlowPicture";

/** The panel beside the picture. */
export function Detail({ target, status }: { target: Target; status: Status }) {
  const upstream = upstreamOf(status, target);
  return (
    <Panel title={target.name} back={href("flow")}>
      <p>
        <State standing={standing(target, upstream)} />
      </p>
      <Steering target={target} />
      <h3>Funnel, since start</h3>
      <FunnelOf target={target} />
      <h3>Now</h3>
      <dl class="pairs">
        {facts(target).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Inert text={value} />
            </dd>
          </div>
        ))}
      </dl>
      <p class="links">
        <a href={href("tail", { target: target.name })}>its live tail</a>
        <a href={href("dead", { target: target.name })}>its dead letters</a>
        <a href={href("translate", { source: accepted(target, status), target: target.name })}>what it would be told</a>
      </p>
    </Panel>
  );
}

/** The vendor whose clients the target's route takes. */
function accepted(target: Target, status: Status): string | undefined {
  return status.routes.find((one) => one.name === target.route)?.accepts;
}

function facts(target: Target): [string, string][] {
  return [
    ["upstream", target.upstream ?? "none"],
    ["vendor", target.vendor ?? "none"],
    ["delivered", rate(past.targetRate(target.name, "delivered"))],
    ["retried", rate(past.targetRate(target.name, "retried"))],
    ["waiting", count(target.pending)],
    ["oldest", age(target.oldest_seconds)],
    ["dead letters kept", count(target.dead)],
    ["users", target.share ? share(target.share) : "all"],
    ["when", target.when ? conditions(target.when) : "always"],
  ];
}

function Steering({ target }: { target: Target }) {
  const [failure, setFailure] = useState<string | null>(null);
  const [isAsking, setAsking] = useState(false);
  const [said, setSaid] = useState("");
  const steer = async (what: "pause" | "resume" | "skip") => {
    setAsking(false);
    try {
      const path = `/api/targets/${encodeURIComponent(target.name)}/${what}`;
      const told = await write<{ skipped?: number }>("POST", path, {});
      setFailure(null);
      setSaid(what === "skip" ? `${count(told.skipped ?? 0)} skipped into dead letters` : `${what}d`);
    } catch (error) {
      setFailure(worded(error));
    }
  };
  return (
    <div class="acts">
      <button type="button" onClick={() => void steer(target.paused ? "resume" : "pause")}>
        {target.paused ? "Resume" : "Pause"}
      </button>
      <button type="button" disabled={target.pending === 0} onClick={() => setAsking(true)}>
        Skip its backlog…
      </button>
      <span role="status">{said}</span>
      <Failure text={failure} />
      {isAsking && (
        <Ask
          title={`Skip the backlog of ${target.name}?`}
          act={`Skip ${count(target.pending)}`}
          isGrave
          onAct={() => void steer("skip")}
          onClose={() => setAsking(false)}
        >
          <p>What waits for it now becomes dead letters. They are kept and can be replayed.</p>
        </Ask>
      )}
    </div>
  );
}
