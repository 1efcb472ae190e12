// One inbound opened: what came, what it means, what every target was told and answered, and what none of them heard.
import { clock, day } from "../format";
import { useLoaded } from "../load";
import { Chip, Empty, Failure, Leftovers, Request } from "../parts/Bits";
import { Facts } from "../parts/Facts";
import { JsonView } from "../parts/JsonView";
import { KeptInbound } from "../parts/KeptInbound";
import { Panel } from "../parts/Panel";
import { href, place } from "../router";
import type { Opened } from "../types";

/** The panel. */
export function OpenedRow({ id }: { id: string }) {
  const { value, failure, again } = useLoaded<Opened>(`/api/tail/${encodeURIComponent(id)}`);
  return (
    <Panel title={id} back={href("tail", { ...place.value.params, id: undefined })}>
      <Failure text={failure} />
      {failure && <p class="soft">The tail keeps the last 500 inbounds that it showed while a console looks.</p>}
      {!value && !failure && <Empty>Asking…</Empty>}
      {value && <Story told={value} />}
      <p class="acts">
        <button type="button" onClick={again}>
          Look again
        </button>
      </p>
    </Panel>
  );
}

function Story({ told }: { told: Opened }) {
  const lost = new Set(told.deliveries.flatMap((one) => one.losses));
  return (
    <>
      <h3>
        Inbound{" "}
        {told.inbound.status !== undefined && (
          <Chip tone={told.inbound.status < 400 ? "ok" : "bad"}>answered {told.inbound.status}</Chip>
        )}{" "}
        {told.inbound.error && <Chip tone="bad">{told.inbound.error}</Chip>}
      </h3>
      <KeptInbound inbound={told.inbound} />
      {told.inbound.cut && <p class="soft">The body is longer: this is its beginning.</p>}
      <h3>Canonical form</h3>
      {told.canonical.map((one, index) => (
        <Facts key={index} interaction={one} losses={lost} />
      ))}
      {told.canonical.length === 0 && <Empty>It could not be read.</Empty>}
      <h3>Targets</h3>
      {told.source === "store" && <p class="soft">From the store: requests as they would be today.</p>}
      {told.deliveries.length === 0 && <Empty>No target is done with it yet.</Empty>}
      {told.deliveries.map((one, index) => (
        <details key={`${one.target} ${index}`} open={told.deliveries.length < 4}>
          <summary>
            <b>{one.target}</b> <Chip tone={tone(one.outcome)}>{one.outcome}</Chip>{" "}
            <span class="soft" title={day(one.at)}>
              {clock(one.at, 12)}
            </span>
          </summary>
          <Leftovers {...one} />
          {one.requests.map((request, which) => (
            <Request key={which} request={request} />
          ))}
          <Answers answers={one.answers} />
        </details>
      ))}
    </>
  );
}

function Answers({ answers }: { answers: Opened["deliveries"][number]["answers"] }) {
  return (
    <>
      {answers.map((answer, index) => (
        <div key={index}>
          <p class="line">
            answered{" "}
            <Chip tone={/^2/.test(String(answer.status)) ? "ok" : "bad"}>{answer.status ?? answer.outcome}</Chip>
          </p>
          {answer.body !== null && answer.body !== "" && <JsonView value={answer.body} label="answer" />}
        </div>
      ))}
    </>
  );
}

function tone(outcome: string): string {
  return { delivered: "ok", accepted: "ok", retried: "wait", dead: "bad" }[outcome] ?? "";
}
