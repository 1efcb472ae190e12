// A TOML file to read, with its line numbers, and each fault below its line, the first of them in sight.
import { useEffect, useRef } from "preact/hooks";
import { Inert } from "../parts/Inert";
import { Scroll } from "../parts/Scroll";
import type { Fault } from "../types";

/** The file. */
export function File({ text, faults }: { text: string; faults: Fault[] }) {
  const list = useRef<HTMLOListElement>(null);
  const first = faults.find((one) => one.line !== null)?.line;
  useEffect(() => {
    const region = list.current?.parentElement;
    const line = first ? (list.current?.children[first - 1] as HTMLElement | undefined) : undefined;
    region?.scrollTo({ top: line ? line.offsetTop - region.clientHeight / 3 : 0 });
  }, [first]);
  const lines = text.replace(/\n$/, "").split("\n");
  return (
    <Scroll kind="file" label="Configuration file">
      <ol ref={list}>
        {lines.map((line, index) => (
          <Line key={index} text={line} faults={faults.filter((one) => one.line === index + 1)} />
        ))}
      </ol>
    </Scroll>
  );
}

function Line({ text, faults }: { text: string; faults: Fault[] }) {
  return (
    <li class={faults.length > 0 ? "faulty" : ""}>
      <code>{words(text)}</code>
      {faults.map((one, index) => (
        <span key={index} class="fault">
          <span aria-hidden="true">▲ </span>
          <Inert text={one.message} />
        </span>
      ))}
    </li>
  );
}

/** Tables, keys and comments told apart; a line whose quotes are unusual is shown plain. */
function words(line: string) {
  if (/^\s*\[/.test(line)) {
    const [, table = "", rest = ""] = /^(\s*\[\[?[^\]]*\]\]?)(.*)$/.exec(line) ?? [];
    return (
      <>
        <b class="t-table">
          <Inert text={table} />
        </b>
        <span class="t-note">
          <Inert text={rest} />
        </span>
      </>
    );
  }
  const [, code = line, note = ""] = /^((?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*')*)(#.*)?$/.exec(line) ?? [];
  const [, key = "", value = code] = /^(\s*[\w."' -]+?)(\s*=.*)$/.exec(code) ?? [];
  return (
    <>
      <span class="t-key">
        <Inert text={key} />
      </span>
      <Inert text={value} cut={2000} />
      <span class="t-note">
        <Inert text={note} cut={2000} />
      </span>
    </>
  );
}
