// The rows of the tail; a row is drawn again only when something came for it.
import { Component } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { clock } from "../format";
import { Chip } from "../parts/Bits";
import { Inert } from "../parts/Inert";
import { Scroll } from "../parts/Scroll";
import { href, place } from "../router";
import { status } from "../stream";
import { hold, type Row, rows } from "../tail";
import type { Delivery, Inbound } from "../types";

const DRAWN = 60;

/** The list; what is far below is drawn when one scrolls there. */
export function Rows() {
  const { params } = place.value;
  const [most, setMost] = useState(DRAWN);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => (list.current ? still(list.current, setMost) : undefined), []);
  return (
    <Scroll kind="scroll tall" label="Interactions">
      <div ref={list}>
        <table class="tail stack">
          <thead>
            <tr>
              <th scope="col">UTC</th>
              <th scope="col">What</th>
              <th scope="col">User</th>
              <th scope="col">Route</th>
              <th scope="col">Answer</th>
              <th scope="col">Targets, −n: fields lost</th>
            </tr>
          </thead>
          <tbody>
            {rows.value.slice(0, most).map((row) => (
              <Line key={row.id} row={row} isOpen={params.id === row.id} />
            ))}
          </tbody>
        </table>
      </div>
    </Scroll>
  );
}

/** A list holds still under the pointer and the focus, and grows as one nears its end. */
function still(list: HTMLElement, setMost: (change: (most: number) => number) => void): () => void {
  const region = list.parentElement as HTMLElement;
  const stop = new AbortController();
  const on = (name: string, run: () => void) => region.addEventListener(name, run, { signal: stop.signal });
  on("pointerenter", () => hold(true));
  on("pointerleave", () => hold(region.contains(document.activeElement)));
  on("focusin", () => hold(true));
  on("focusout", () => hold(region.matches(":hover")));
  on("scroll", () => {
    const isTop = region.scrollTop < 10;
    const isNearEnd = region.scrollTop + region.clientHeight > region.scrollHeight - 600;
    setMost((most) => (isTop ? DRAWN : isNearEnd ? most + DRAWN : most));
  });
  return () => stop.abort();
}

interface Props {
  row: Row;
  isOpen: boolean;
}

class Line extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return next.row !== this.props.row || next.isOpen !== this.props.isOpen;
  }

  override render({ row, isOpen }: Props) {
    const { inbound } = row;
    return (
      <tr class={isOpen ? "chosen" : ""}>
        <td>
          <a
            class="number opens"
            href={href("tail", { ...place.value.params, id: isOpen ? undefined : row.id })}
            aria-current={isOpen || undefined}
            title={row.at}
          >
            {clock(row.at, 12)}
          </a>
        </td>
        {inbound ? <Came inbound={inbound} /> : <Passed row={row} />}
        <td>
          <Ends row={row} />
        </td>
      </tr>
    );
  }
}

function Came({ inbound }: { inbound: Inbound }) {
  const users = [...new Set(inbound.interactions.map((one) => one.user))].filter((one) => one !== null);
  const words = [...new Set(inbound.interactions.map((one) => one.word))];
  const number = inbound.interactions.length;
  return (
    <>
      <td>
        <Inert text={words.slice(0, 4).join(", ") || "–"} cut={60} />
        {number > 1 && <span class="soft"> × {number}</span>}
      </td>
      <td>
        <Inert text={users.slice(0, 3).join(", ") || "–"} cut={32} />
        {users.length > 3 && <span class="soft"> and {users.length - 3} more</span>}
      </td>
      <td>
        <Inert text={inbound.route} cut={40} /> <span class="soft small">{inbound.vendor}</span>
      </td>
      <td>
        <Chip tone={inbound.status < 400 ? "ok" : "bad"}>{inbound.status}</Chip>{" "}
        <span class="soft small">
          {inbound.ms.toFixed(1)} ms {inbound.error}
        </span>
      </td>
    </>
  );
}

function Passed({ row }: { row: Row }) {
  const one = Object.values(row.deliveries)[0];
  return (
    <>
      <td class="soft" colSpan={2}>
        delivery of an earlier one
      </td>
      <td>
        <Inert text={one?.route ?? ""} cut={40} />
      </td>
      <td class="soft">–</td>
    </>
  );
}

const GLYPHS: Record<string, string> = { delivered: "●", accepted: "●", retried: "↻", dead: "✕", lost: "✕" };
const TONES: Record<string, string> = { delivered: "ok", accepted: "ok", retried: "wait", dead: "bad", lost: "bad" };

function Ends({ row }: { row: Row }) {
  const said = row.inbound?.targets ?? {};
  const names = [...new Set([...meant(row.inbound), ...Object.keys(said), ...Object.keys(row.deliveries)])];
  return (
    <span class="ends">
      {names.map((name) => (
        <End key={name} name={name} delivery={row.deliveries[name]} word={said[name] ?? "waiting"} />
      ))}
    </span>
  );
}

/** The targets of an accepted inbound's route. The row is not drawn again for every status. */
function meant(inbound: Inbound | null): string[] {
  const isAccepted = inbound !== null && inbound.status < 400;
  return (isAccepted && status.peek()?.routes.find((one) => one.name === inbound.route)?.targets) || [];
}

function End({ name, delivery, word }: { name: string; delivery: Delivery | undefined; word: string }) {
  const outcome = delivery?.outcome ?? word;
  const lost = delivery?.losses.length ?? 0;
  const short = name.split("/").at(-1) ?? name;
  const answers = delivery ? `, ${delivery.answers.join(", ")}` : "";
  return (
    <Chip tone={TONES[outcome] ?? ""} title={`${name}: ${outcome}${answers}${lost ? `, ${lost} fields lost` : ""}`}>
      <span aria-hidden="true">{GLYPHS[outcome] ?? "○"} </span>
      <Inert text={short} cut={30} />
      <span class="sr">: {outcome}</span>
      {lost > 0 && <span class="soft"> −{lost}</span>}
    </Chip>
  );
}
