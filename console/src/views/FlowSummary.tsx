// The verdict in one sentence, and the six numbers that say how much, how late and for how long.
import { age, bytes, count, many, rate } from "../format";
import { Inert } from "../parts/Inert";
import { href } from "../router";
import { LATE, standing, upstreamsOf } from "../state";
import { past } from "../stream";
import type { Status, Target } from "../types";

type Tile = { name: string; value: string; more: string; tone?: string };

/** How much, how late, and for how long. */
export function Tiles({ status }: { status: Status }) {
  return (
    <dl class="tiles">
      {tiles(status).map(({ name, value, more, tone = "" }) => (
        <div key={name} class="tile">
          <dt>{name}</dt>
          <dd>
            <span class={`number ${tone}`}>{value}</span>
            <span class="more-text">{more}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** What a person on call looks at first. */
export function Verdict({ status }: { status: Status }) {
  const upstreams = upstreamsOf(status);
  const troubled = status.targets
    .map((target) => ({ target, word: standing(target, upstreams.get(target.upstream ?? "")) }))
    .flatMap(({ target, word }) => (word.isTrouble ? [{ target, word: word.word }] : []));
  const isCalm = troubled.length === 0 && !status.unready;
  return (
    <section aria-labelledby="verdict" class={isCalm ? "verdict ok" : "verdict bad"}>
      <h2 id="verdict" aria-live="polite">
        <span aria-hidden="true">{isCalm ? "● " : "▲ "}</span>
        {headline(status, troubled.length)}
      </h2>
      {troubled.length > 0 && (
        <ul>
          {together(troubled)
            .slice(0, 6)
            .map((one) => (
              <Trouble key={`${one.name} ${one.word}`} {...one} />
            ))}
        </ul>
      )}
    </section>
  );
}

interface Together {
  name: string;
  word: string;
  targets: Target[];
}

function Trouble({ name, word, targets }: Together) {
  const pending = targets.reduce((total, one) => total + one.pending, 0);
  const oldest = Math.max(...targets.map((one) => one.oldest_seconds ?? 0));
  return (
    <li>
      <a href={href("flow", { target: targets[0]?.name })}>
        <Inert text={name} />
      </a>{" "}
      {word}
      {targets.length > 1 && `, ${many(targets.length, "target")}`}
      {pending > 0 && `, ${count(pending)} waiting, oldest ${age(oldest)}`}
    </li>
  );
}

/** Targets that one upstream holds up are told together, under its name. */
function together(troubled: { target: Target; word: string }[]): Together[] {
  const found = new Map<string, Together>();
  for (const { target, word } of troubled) {
    const key = JSON.stringify([target.upstream, word]);
    const before = found.get(key);
    found.set(key, {
      name: before ? (target.upstream ?? target.name) : target.name,
      word,
      targets: [...(before?.targets ?? []), target],
    });
  }
  return [...found.values()];
}

function headline(status: Status, troubled: number): string {
  if (status.unready) {
    return `Not ready: ${status.unready}`;
  }
  if (troubled > 0) {
    return `${many(troubled, "target")} of ${status.targets.length} ${troubled === 1 ? "needs" : "need"} a look`;
  }
  return status.targets.length === 0
    ? "No route is configured"
    : `Nothing is held up: ${many(status.targets.length, "target")}, ${many(status.routes.length, "route")}`;
}

function tiles(status: Status): Tile[] {
  const sum = (of: (target: Target) => number) => status.targets.reduce((total, one) => total + of(one), 0);
  const oldest = Math.max(...status.targets.map((one) => one.oldest_seconds ?? -1), -1);
  const [pending, dead] = [sum((one) => one.pending), sum((one) => one.dead)];
  const { bytes: used, max_bytes: most, hours_left: left } = status.store;
  const wait = oldest > LATE ? { tone: "wait" } : {};
  return [
    { name: "In", value: rate(past.columns.received.at(-1) ?? 0), more: `${count(status.interactions)} interactions` },
    {
      name: "Out",
      value: rate(past.columns.delivered.at(-1) ?? 0),
      more: `${count(sum((one) => one.funnel.delivered))} deliveries`,
    },
    { name: "Dead letters", value: count(dead), more: "kept, replayable", ...(dead > 0 ? { tone: "bad" } : {}) },
    { name: "Waiting", value: count(pending), more: "on disk, all targets", ...wait },
    {
      name: "Oldest",
      value: age(oldest < 0 ? null : oldest),
      more: `dies after ${age(status.store.max_age_seconds)}`,
      ...wait,
    },
    {
      name: "Store",
      value: bytes(used),
      more: room(most, left),
      ...(left !== null && left < 24 ? { tone: "bad" } : {}),
    },
  ];
}

function room(most: number | null, left: number | null): string {
  const of = most === null ? "" : `of ${bytes(most)}`;
  return left === null ? of : `${of}, full in ${age(left * 3600)}`;
}
