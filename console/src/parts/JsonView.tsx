// A JSON value to read: what fits stands on one line, texts are inert, long lists are cut.
import { useState } from "preact/hooks";
import { Exact, type Json } from "../types";
import { Inert } from "./Inert";
import { Scroll } from "./Scroll";

const WIDTH = 64;
const MEMBERS = 100;
const DEEPEST = 40;

/** A document in its own region, which scrolls. */
export function JsonView({ value, label }: { value: Json; label: string }) {
  return (
    <Scroll kind="json" label={label}>
      <pre>
        {typeof value === "string" ? <Inert text={value} cut={4000} lines /> : <Value value={value} depth={0} />}
      </pre>
    </Scroll>
  );
}

function Value({ value, depth }: { value: Json; depth: number }) {
  if (typeof value === "string") {
    return (
      <span class="j-text">
        "<Inert text={quoted(value)} />"
      </span>
    );
  }
  if (value === null || typeof value !== "object" || value instanceof Exact) {
    return <span class="j-word">{String(value)}</span>;
  }
  if (depth > DEEPEST) {
    return <span class="j-more">… deeper than {DEEPEST} levels</span>;
  }
  return <Members value={value} depth={depth} />;
}

function Members({ value, depth }: { value: Json[] | { [key: string]: Json }; depth: number }) {
  const [most, setMost] = useState(MEMBERS);
  const isList = Array.isArray(value);
  const pairs: [string | null, Json][] = isList ? value.map((one) => [null, one]) : Object.entries(value);
  const [open, close] = isList ? "[]" : "{}";
  const isShort = fits(value, WIDTH - depth * 2);
  const indent = isShort ? "" : `\n${"  ".repeat(depth + 1)}`;
  return (
    <>
      {open}
      {pairs.slice(0, most).map(([name, member], index) => (
        <>
          {index > 0 && (isShort ? ", " : ",")}
          {indent}
          {name !== null && <Key name={name} />}
          <Value value={member} depth={depth + 1} />
        </>
      ))}
      {pairs.length > most && (
        <>
          {indent}
          <button type="button" class="more" onClick={() => setMost(most * 10)}>
            … {pairs.length - most} more
          </button>
        </>
      )}
      {!isShort && pairs.length > 0 && `\n${"  ".repeat(depth)}`}
      {close}
    </>
  );
}

function Key({ name }: { name: string }) {
  return (
    <>
      <span class="j-key">
        "<Inert text={quoted(name)} cut={100} />"
      </span>
      {": "}
    </>
  );
}

function quoted(text: string): string {
  return text.replace(/[\\"]/g, "\\$&");
}

/** Whether a value written on one line is at most so long; stops counting when it is not. */
function fits(value: Json, width: number): boolean {
  return room(value, width) >= 0;
}

function room(value: Json, width: number): number {
  if (value === null || typeof value !== "object" || value instanceof Exact) {
    return width - String(value).length - (typeof value === "string" ? 2 : 0);
  }
  let left = width - 2;
  for (const name in value) {
    left = room(
      (value as { [key: string]: Json })[name] ?? null,
      left - 2 - (Array.isArray(value) ? 0 : name.length + 4),
    );
    if (left < 0) {
      break;
    }
  }
  return left;
}
