// Small things that every view uses.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Standing } from "../state";
import type { Outbound, Refusal } from "../types";
import { Inert } from "./Inert";
import { JsonView } from "./JsonView";

/** A state by glyph, word and colour. */
export function State({ standing }: { standing: Standing }) {
  return (
    <span class={`state ${standing.tone}`}>
      <span class="glyph" aria-hidden="true">
        {standing.glyph}
      </span>
      {standing.word}
    </span>
  );
}

/** A small label. */
export function Chip({ children, tone = "", title }: { children: ComponentChildren; tone?: string; title?: string }) {
  return (
    <span class={`chip ${tone}`} title={title}>
      {children}
    </span>
  );
}

/** Where nothing is to be shown, why. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** A failure, told at once. */
export function Failure({ text }: { text: string | null }) {
  return (
    <div role="alert">
      {text && (
        <p class="failure">
          <span aria-hidden="true">▲ </span>
          <Inert text={text} />
        </p>
      )}
    </div>
  );
}

/** Names with a heading, or nothing when there are none. */
export function Names({ title, names, tone }: { title: string; names: string[]; tone: string }) {
  return names.length === 0 ? null : (
    <p class="names">
      <span class="names-title">{title}</span>{" "}
      {names.map((name) => (
        <Chip key={name} tone={tone}>
          <Inert text={name} cut={80} />
        </Chip>
      ))}
    </p>
  );
}

/** What a target is not told, by name. */
export function Leftovers(told: { losses: string[]; copied: string[]; refused: (Refusal | string)[] }) {
  return (
    <>
      <Names title="lost" names={told.losses} tone="wait" />
      <Names title="copied, minted by another vendor" names={told.copied} tone="held" />
      <Names title="refused" names={told.refused.map(refusal)} tone="bad" />
    </>
  );
}

/** A request as it was sent. */
export function Request({ request }: { request: Outbound }) {
  return (
    <div class="request">
      <p class="line">
        <b>{request.method}</b> <Inert text={request.url} />
      </p>
      <Pairs pairs={request.headers} />
      {request.body !== null && <JsonView value={request.body} label={`body of ${request.method}`} />}
    </div>
  );
}

/** Headers or a query. */
export function Pairs({ pairs }: { pairs: Record<string, string> }) {
  const list = Object.entries(pairs);
  return list.length === 0 ? null : (
    <dl class="pairs">
      {list.map(([name, value]) => (
        <div key={name}>
          <dt>
            <Inert text={name} cut={100} />
          </dt>
          <dd>
            <Inert text={value} cut={200} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Puts a text on the clipboard and says so. */
export function Copy({ text, children }: { text: () => string; children: ComponentChildren }) {
  const [said, setSaid] = useState("");
  const copy = () =>
    navigator.clipboard.writeText(text()).then(
      () => setSaid("copied"),
      () => setSaid("the browser does not allow it"),
    );
  return (
    <span class="copy">
      <button type="button" onClick={() => void copy()}>
        {children}
      </button>
      <span role="status">{said}</span>
    </span>
  );
}

function refusal(one: Refusal | string): string {
  return typeof one === "string" ? one : `[${one.interaction}] ${one.reason} ${one.fields.join(", ")}`;
}
