// The picture: each route with its targets as they are configured, what flows between them, and what holds it up.
import { curveBumpX, link } from "d3-shape";
import { age, count, rate, share } from "../format";
import { Chip, State } from "../parts/Bits";
import { Inert } from "../parts/Inert";
import { Spark } from "../parts/Spark";
import { href, place } from "../router";
import { type Standing, standing, upstreamsOf } from "../state";
import { past } from "../stream";
import type { Json, Route, Status, Target, Upstream } from "../types";

const ROW = 46;
const WIDE = 132;
const edge = link<unknown, { source: [number, number]; target: [number, number] }, [number, number]>(curveBumpX);

interface Line {
  target: Target;
  state: Standing;
  rate: number;
}

/** All routes. */
export function Picture({ status }: { status: Status }) {
  const upstreams = upstreamsOf(status);
  const targets = new Map(status.targets.map((one) => [one.name, one]));
  return (
    <section class="card" aria-labelledby="picture-title">
      <h2 id="picture-title">Routes and their targets</h2>
      {status.routes.map((route) => (
        <Block key={route.name} route={route} lines={lines(route, targets, upstreams)} />
      ))}
    </section>
  );
}

function lines(route: Route, targets: Map<string, Target>, upstreams: Map<string, Upstream>): Line[] {
  return route.targets.flatMap((name) => {
    const target = targets.get(name);
    const state = target && standing(target, upstreams.get(target.upstream ?? ""));
    return target && state ? [{ target, state, rate: past.targetRate(name, "delivered") }] : [];
  });
}

function Block({ route, lines }: { route: Route; lines: Line[] }) {
  return (
    <div class="route">
      <div class="route-card">
        <h3>
          <Inert text={route.name} />
        </h3>
        <p class="soft">
          {route.accepts}
          {route.prefix && ` under ${route.prefix}`}
        </p>
        <p>
          <b class="number">{rate(past.routeRate(route.name))}</b> <Chip>{route.mode}</Chip>
        </p>
        <p class="soft">
          {count(route.received)} in{route.rejected > 0 && <>, {count(route.rejected)} rejected</>}
        </p>
      </div>
      <Edges lines={lines} />
      <ul class="targets">
        {lines.map((line) => (
          <Row key={line.target.name} line={line} />
        ))}
      </ul>
    </div>
  );
}

function Edges({ lines }: { lines: Line[] }) {
  const height = lines.length * ROW;
  return (
    <svg class="edges" height={height} viewBox={`0 0 ${WIDE} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      {lines.map((line, index) => (
        <path
          key={line.target.name}
          class={line.rate > 0 ? `edge ${line.state.tone}` : `edge still ${line.state.tone}`}
          stroke-width={thickness(line.rate)}
          d={edge({ source: [0, height / 2], target: [WIDE, index * ROW + ROW / 2] }) ?? ""}
        />
      ))}
    </svg>
  );
}

function thickness(perSecond: number): number {
  return perSecond > 0 ? Math.min(9, 1.5 + Math.log10(1 + perSecond) * 2) : 1.25;
}

function Row({ line: { target, state, rate: perSecond } }: { line: Line }) {
  const isChosen = place.value.params.target === target.name;
  return (
    <li class={isChosen ? "target chosen" : "target"}>
      <span class="edge-rate number" title="deliveries a second">
        {rate(perSecond)}
      </span>
      <span class="target-name">
        <a href={href("flow", { target: isChosen ? undefined : target.name })} aria-current={isChosen || undefined}>
          <Inert text={target.name} />
        </a>
        <Terms target={target} />
      </span>
      <State standing={state} />
      <span class="target-numbers">
        <Spark values={past.backlog(target.name)} />
        <span class={target.pending > 0 ? "number wait" : "number soft"}>{count(target.pending)} waiting</span>
        {target.oldest_seconds !== null && <span class="soft">oldest {age(target.oldest_seconds)}</span>}
        {target.dead > 0 && (
          <a class="dead" href={href("dead", { target: target.name })}>
            {count(target.dead)} dead
          </a>
        )}
      </span>
    </li>
  );
}

function Terms({ target }: { target: Target }) {
  return (
    <span class="terms">
      <span class="soft">{target.vendor ?? "not configured"}</span>
      {target.primary && <Chip title="the caller gets this target's own answer">primary</Chip>}
      {target.share && <Chip title="of users, always the same ones">{share(target.share)} of users</Chip>}
      {target.when && <Chip title={conditions(target.when)}>when …</Chip>}
    </span>
  );
}

/** Conditions in one line. */
export function conditions(when: Record<string, Json>): string {
  return Object.entries(when)
    .map(([name, globs]) => `${name} = ${Array.isArray(globs) ? globs.join(" or ") : String(globs)}`)
    .join(" and ");
}
