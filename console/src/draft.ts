// A draft of the Translate view, and what its path makes of it.
import { json } from "./parts/Facts";
import type { Example, Vendors } from "./types";

/** What is to be translated. */
export interface Draft {
  source: string;
  path: string;
  target: string;
  mode: string;
  /** JSON: the body or, at a path that is asked with GET, the query. */
  body: string;
}

/** Whether the draft's path is asked with GET. */
export function isGet(draft: Draft, vendors: Vendors): boolean {
  const source = vendors.vendors.find((one) => one.name === draft.source);
  return source?.endpoints.some((one) => one.method === "GET" && one.paths.includes(draft.path)) ?? false;
}

/** An example's body, or query, to edit. */
export function pretty(example: Example): string {
  const text = json(example.body ?? example.query);
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
