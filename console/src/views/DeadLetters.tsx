// Dead letters: what a target did not take, by target and reason; one opened; sent again or forgotten after a dry run.
import { useState } from "preact/hooks";
import { count, day, many } from "../format";
import { useLoaded } from "../load";
import { Empty, Failure } from "../parts/Bits";
import { Inert } from "../parts/Inert";
import { Scroll } from "../parts/Scroll";
import { change, href, place } from "../router";
import { status } from "../stream";
import type { Group } from "../types";
import { List } from "./DeadList";
import { type AskToMove, type Chosen, Move, type Word } from "./DeadMove";
import { OpenedLetter } from "./DeadOpened";

/** Groups of one target and reason; the fields that differ are told within. */
interface Pile {
  target: string;
  reason: string;
  count: number;
  oldest: string | null;
  newest: string | null;
  fields: { names: string; count: number }[];
}

/** The view. */
export function DeadLetters() {
  const { params } = place.value;
  const dead = status.value?.targets.reduce((sum, one) => sum + one.dead, 0) ?? 0;
  const [turn, setTurn] = useState(0);
  const [asked, setAsked] = useState<{ word: Word; chosen: Chosen; what: string } | null>(null);
  const version = `${dead} ${turn}`;
  const { value, failure } = useLoaded<{ groups: Group[] }>("/api/deadletters/groups", version);
  const ask: AskToMove = (word, chosen, what) => setAsked({ word, chosen, what });
  const all = piles(value?.groups ?? []);
  const shown = all.filter((one) => !params.target || one.target === params.target);
  return (
    <div class={params.id ? "split open" : "split"}>
      <div class="column">
        <section class="card" aria-labelledby="dead-title">
          <Head shown={shown} ask={ask} />
          <Failure text={failure} />
          {value && shown.length === 0 && <Empty>No dead letters{params.target && ` of ${params.target}`}. </Empty>}
          {shown.length > 0 && <Piles piles={shown} ask={ask} />}
        </section>
        {all.length > 0 && (
          <List
            key={`${params.target} ${params.reason}`}
            target={params.target}
            reason={params.reason}
            version={version}
          />
        )}
      </div>
      {params.id && <OpenedLetter key={params.id} id={params.id} version={version} ask={ask} />}
      {asked && (
        <Move
          {...asked}
          onClose={(isDone) => {
            setAsked(null);
            if (isDone) {
              // What was opened may be among what moved.
              change({ id: undefined }, true);
              setTurn(turn + 1);
            }
          }}
        />
      )}
    </div>
  );
}

function Head({ shown, ask }: { shown: Pile[]; ask: AskToMove }) {
  const { target } = place.value.params;
  const total = shown.reduce((sum, one) => sum + one.count, 0);
  const chosen: Chosen = target ? { target } : { all: true };
  const what = target ? `all of ${target}` : "all dead letters";
  return (
    <div class="card-head">
      <h2 id="dead-title">
        Dead letters{" "}
        <span class="soft" role="status">
          {many(total, "letter")}
          {target && ` of ${target}`}
        </span>
      </h2>
      <span class="acts">
        {target && <a href={href("dead")}>all targets</a>}
        <button type="button" disabled={total === 0} onClick={() => ask("replay", chosen, what)}>
          Replay all…
        </button>
        <button type="button" disabled={total === 0} onClick={() => ask("discard", chosen, what)}>
          Discard all…
        </button>
      </span>
    </div>
  );
}

function Piles({ piles, ask }: { piles: Pile[]; ask: AskToMove }) {
  return (
    <Scroll label="Dead letters by target and reason">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">Target</th>
            <th scope="col">Reason</th>
            <th scope="col" class="right">
              Letters
            </th>
            <th scope="col">Oldest, UTC</th>
            <th scope="col">Newest, UTC</th>
            <th scope="col">
              <span class="sr">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {piles.map((pile) => (
            <PileRow key={`${pile.target} ${pile.reason}`} pile={pile} ask={ask} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function PileRow({ pile, ask }: { pile: Pile; ask: AskToMove }) {
  const { target, reason } = pile;
  const { params } = place.value;
  const isOpen = params.target === target && params.reason === reason;
  const what = `${target}, ${reason}`;
  return (
    <tr class={isOpen ? "chosen" : ""}>
      <th scope="row">
        <a class="opens" href={href("dead", isOpen ? {} : { target, reason })} aria-expanded={isOpen}>
          <Inert text={target} />
        </a>
      </th>
      <td>
        {reason}{" "}
        {pile.fields.map((one) => (
          <span key={one.names} class="soft small">
            <Inert text={one.names} cut={120} /> × {count(one.count)}{" "}
          </span>
        ))}
      </td>
      <td class="right number">{count(pile.count)}</td>
      <td class="number">{day(pile.oldest)}</td>
      <td class="number">{day(pile.newest)}</td>
      <td class="acts">
        <button type="button" aria-label={`Replay ${what}`} onClick={() => ask("replay", { target, reason }, what)}>
          Replay…
        </button>
        <button type="button" aria-label={`Discard ${what}`} onClick={() => ask("discard", { target, reason }, what)}>
          Discard…
        </button>
      </td>
    </tr>
  );
}

function piles(groups: Group[]): Pile[] {
  const found = new Map<string, Pile>();
  for (const group of groups) {
    const key = JSON.stringify([group.target, group.reason]);
    const pile = found.get(key) ?? { ...group, count: 0, fields: [] };
    pile.count += group.count;
    pile.oldest = least(pile.oldest, group.oldest);
    pile.newest = most(pile.newest, group.newest);
    if (group.fields.length > 0) {
      pile.fields.push({ names: group.fields.join(", "), count: group.count });
    }
    found.set(key, pile);
  }
  return [...found.values()];
}

function least(one: string | null, other: string | null): string | null {
  return one === null || (other !== null && other < one) ? other : one;
}

function most(one: string | null, other: string | null): string | null {
  return one === null || (other !== null && other > one) ? other : one;
}
