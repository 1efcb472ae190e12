// One dead letter opened: its attempts, its inbound, and what a replay would send today.
import { day } from "../format";
import { useLoaded } from "../load";
import { Chip, Empty, Failure, Leftovers, Request } from "../parts/Bits";
import { Inert } from "../parts/Inert";
import { KeptInbound } from "../parts/KeptInbound";
import { Panel } from "../parts/Panel";
import { href, place } from "../router";
import type { WholeLetter } from "../types";
import type { AskToMove } from "./DeadMove";

/** The panel. */
export function OpenedLetter({ id, version, ask }: { id: string; version: string; ask: AskToMove }) {
  const { value, failure } = useLoaded<WholeLetter>(`/api/deadletters/${encodeURIComponent(id)}`, version);
  const chosen = { ids: [Number(id)] };
  return (
    <Panel title={`Dead letter ${id}`} back={href("dead", { ...place.value.params, id: undefined })}>
      <Failure text={failure} />
      {!value && !failure && <Empty>Asking…</Empty>}
      {value && (
        <>
          <p class="line">
            <b>
              <Inert text={value.target} />
            </b>{" "}
            <Chip tone="bad">{value.reason}</Chip> <Inert text={value.fields.join(", ")} />
          </p>
          <p class="acts">
            <button type="button" onClick={() => ask("replay", chosen, `dead letter ${id}`)}>
              Replay…
            </button>
            <button type="button" onClick={() => ask("discard", chosen, `dead letter ${id}`)}>
              Discard…
            </button>
          </p>
          <Story letter={value} />
        </>
      )}
    </Panel>
  );
}

function Story({ letter }: { letter: WholeLetter }) {
  return (
    <>
      <h3>Attempts</h3>
      {letter.attempts.length === 0 && <Empty>It was never sent.</Empty>}
      <ol class="attempts">
        {letter.attempts.map((one, index) => (
          <li key={index}>
            <span class="number soft">{day(one.at)}</span> {one.outcome}{" "}
            {one.status !== null && <Chip tone={one.status < 300 ? "ok" : "bad"}>{one.status}</Chip>}
            {one.answer && (
              <pre>
                <Inert text={one.answer} lines />
              </pre>
            )}
          </li>
        ))}
      </ol>
      <h3>Inbound</h3>
      <KeptInbound inbound={letter.inbound} />
      <h3>A replay today</h3>
      <Today today={letter.today} />
    </>
  );
}

function Today({ today }: { today: WholeLetter["today"] }) {
  if ("error" in today) {
    return <Failure text={today.error} />;
  }
  return (
    <>
      {today.requests.length === 0 && <Empty>It would send nothing.</Empty>}
      <Leftovers {...today} />
      {today.requests.map((request, index) => (
        <Request key={index} request={request} />
      ))}
    </>
  );
}
