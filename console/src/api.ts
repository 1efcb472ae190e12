// Calls of the admin API: JSON in, JSON out, every failure a Problem whose text can be shown.
import { signal } from "@preact/signals";
import { Exact } from "./types";

/** Why a call failed, as the API or the browser says it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    text: string,
    readonly errors: { path: string; detail: string }[] = [],
  ) {
    super(text);
  }
}

/** Whether the API asks who this is. */
export const locked = signal(false);

/** JSON as it is meant: a number that JavaScript would round keeps its digits. */
export function parse(text: string): unknown {
  return JSON.parse(text, function (this: unknown, _key: string, value: unknown, context?: { source?: string }) {
    const digits = context?.source;
    const isRounded = typeof value === "number" && digits !== undefined && /^-?\d{16,}$/.test(digits);
    return isRounded && String(value) !== digits ? new Exact(digits) : value;
  } as (this: unknown, key: string, value: unknown) => unknown);
}

/** The answer of a GET. */
export function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>(path, signal ? { signal } : {});
}

/** The answer of a call that changes something, or of a dry run. */
export function write<T>(method: "POST" | "DELETE", path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return writeText<T>(method, path, JSON.stringify(body), signal);
}

/** Likewise with a body that is JSON already, so that it goes out as it was typed. */
export function writeText<T>(method: string, path: string, body: string, signal?: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  return call<T>(path, signal ? { method, headers, body, signal } : { method, headers, body });
}

/** What went wrong, in words. */
export function worded(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether a call was called off by the page itself. */
export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  const answer = await fetch(path, { credentials: "same-origin", ...init }).catch((error: unknown) => {
    throw isAborted(error) ? error : new Problem(0, "the gateway does not answer");
  });
  const text = await answer.text();
  if (answer.ok) {
    return (text === "" ? undefined : parse(text)) as T;
  }
  if (answer.status === 401) {
    locked.value = true;
  }
  throw problem(answer, text);
}

function problem(answer: Response, text: string): Problem {
  try {
    const said = JSON.parse(text) as Record<string, unknown>;
    const detail = said.detail ?? said.error ?? said.title ?? answer.statusText;
    return new Problem(answer.status, String(detail), (said.errors ?? []) as { path: string; detail: string }[]);
  } catch {
    return new Problem(answer.status, `${answer.status} ${answer.statusText}`);
  }
}
