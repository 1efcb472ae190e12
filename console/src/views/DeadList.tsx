// The letters of one target and reason, or all of them, oldest first, a page at a time.
import { useState } from "preact/hooks";
import { count, day } from "../format";
import { useLoaded } from "../load";
import { Empty, Failure } from "../parts/Bits";
import { Inert } from "../parts/Inert";
import { Scroll } from "../parts/Scroll";
import { href, place } from "../router";
import type { Letter, Letters } from "../types";

const PAGE = 50;

interface Props {
  target: string | undefined;
  reason: string | undefined;
  version: string;
}

/** The list; a group that was replayed while it was open is empty. */
export function List({ target, reason, version }: Props) {
  const [starts, setStarts] = useState<number[]>([]);
  const after = starts.at(-1);
  const asked = { target, reason, limit: String(PAGE), after: after === undefined ? undefined : String(after) };
  const query = new URLSearchParams(Object.entries(asked).flatMap(([name, one]) => (one ? [[name, one]] : [])));
  const { value, failure } = useLoaded<Letters>(`/api/deadletters?${query}`, version);
  return (
    <section class="card" aria-labelledby="list-title">
      <div class="card-head">
        <h2 id="list-title">
          Letters {(target || reason) && "of "}
          <Inert text={[target, reason].filter(Boolean).join(", ")} />{" "}
          <span class="soft">{value && count(value.total)}</span>
        </h2>
        <nav class="acts" aria-label="Pages">
          <button type="button" disabled={starts.length === 0} onClick={() => setStarts(starts.slice(0, -1))}>
            Earlier
          </button>
          <button
            type="button"
            disabled={!value?.next}
            onClick={() => setStarts(value?.next ? [...starts, value.next] : starts)}
          >
            Later
          </button>
        </nav>
      </div>
      <Failure text={failure} />
      {value?.deadletters.length === 0 && <Empty>None is left.</Empty>}
      {value && value.deadletters.length > 0 && <Table letters={value.deadletters} />}
    </section>
  );
}

function Table({ letters }: { letters: Letter[] }) {
  return (
    <Scroll label="Dead letters">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">Letter</th>
            <th scope="col">Died, UTC</th>
            <th scope="col">Request</th>
            <th scope="col">Route</th>
            <th scope="col" class="right">
              Attempts
            </th>
            <th scope="col">Last answer</th>
          </tr>
        </thead>
        <tbody>
          {letters.map((letter) => (
            <Row key={letter.id} letter={letter} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ letter }: { letter: Letter }) {
  const isOpen = place.value.params.id === String(letter.id);
  const id = isOpen ? undefined : String(letter.id);
  return (
    <tr class={isOpen ? "chosen" : ""}>
      <th scope="row">
        <a class="opens" href={href("dead", { ...place.value.params, id })} aria-current={isOpen || undefined}>
          {letter.id}
        </a>
      </th>
      <td class="number">{day(letter.at)}</td>
      <td>
        <Inert text={letter.request_id} cut={60} />
      </td>
      <td>
        {letter.route} <span class="soft small">{letter.vendor}</span>
      </td>
      <td class="right number">{letter.attempts}</td>
      <td>{letter.last ? `${letter.last.outcome} ${letter.last.status ?? ""}` : "–"}</td>
    </tr>
  );
}
