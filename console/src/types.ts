// The documents of the admin API, as the page reads them.

/** Any JSON value; a number that JavaScript would round is an Exact. */
export type Json = null | boolean | number | string | Exact | Json[] | { [key: string]: Json };

/** A number in its source's own digits. */
export class Exact {
  constructor(readonly digits: string) {}
  toString(): string {
    return this.digits;
  }
}

/** Counts since the gateway started: of interactions, of named losses, and of deliveries. */
export interface Funnel {
  received: number;
  filtered: number;
  dropped: number;
  refused: number;
  translated: number;
  losses: number;
  delivered: number;
  retried: number;
  dead: number;
  shed: number;
  lost: number;
}

/** One target. */
export interface Target {
  name: string;
  route: string | null;
  upstream: string | null;
  vendor: string | null;
  pending: number;
  oldest_seconds: number | null;
  dead: number;
  orphaned: boolean;
  paused: boolean;
  share: { from: number; to: number } | null;
  when: Record<string, Json> | null;
  primary: boolean;
  state: string;
  funnel: Funnel;
}

/** One account at a vendor. */
export interface Upstream {
  name: string;
  vendor: string;
  base_url: string;
  breaker_open: boolean;
  held: boolean;
  concurrency: number;
  max_concurrency: number;
  rate_limit: number | null;
  in_flight: number;
  paused_seconds: number;
  responses: Record<string, number>;
}

/** What is accepted. */
export interface Route {
  name: string;
  accepts: string;
  mode: string;
  prefix: string;
  clients: string[];
  targets: string[];
  received: number;
  rejected: number;
}

/** How the gateway is doing, whole. */
export interface Status {
  version: string;
  running: boolean;
  unready: string | null;
  started_at: string;
  now: string;
  interactions: number;
  targets: Target[];
  upstreams: Upstream[];
  routes: Route[];
  store: {
    kind: string;
    bytes: number;
    max_bytes: number | null;
    hours_left: number | null;
    keep_seconds: number;
    max_age_seconds: number;
  };
}

/** One interaction of an inbound, in three words. */
interface Said {
  kind: string;
  word: string;
  user: string | null;
}

/** An inbound that just passed. */
export interface Inbound {
  seq: number;
  request_id: string;
  received_at: string;
  route: string;
  vendor: string;
  endpoint: string | null;
  client: string | null;
  status: number;
  outcome: string;
  ms: number;
  error: string | null;
  interactions: Said[];
  targets: Record<string, string>;
  losses: string[];
}

/** What became of an inbound at one target. */
export interface Delivery {
  seq: number;
  request_id: string;
  at: string;
  route: string;
  target: string;
  vendor: string;
  outcome: string;
  answers: (number | string)[];
  losses: string[];
  copied: string[];
  refused: string[];
  ms: number;
}

/** A request as it was sent, or would be. */
export interface Outbound {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Json;
}

/** An interaction that a target cannot carry. */
export interface Refusal {
  interaction: number;
  reason: string;
  fields: string[];
}

/** An inbound as it is kept. */
export interface Kept {
  received_at: string | null;
  request_id: string;
  client: string | null;
  client_ip: string | null;
  route: string;
  vendor: string;
  endpoint: string;
  headers: Record<string, string>;
  query: Record<string, string>;
  body: Json;
}

/** One opened inbound of the tail. */
export interface Opened {
  source: "tail" | "store";
  inbound: Kept & { status?: number; ms?: number; error?: string | null; cut?: boolean };
  canonical: Json[];
  deliveries: {
    target: string;
    vendor: string;
    at: string;
    outcome: string;
    requests: Outbound[];
    answers: { status: number | null; outcome: string; body: Json }[];
    losses: string[];
    copied: string[];
    refused: (Refusal | string)[];
  }[];
}

/** Dead letters of one target, reason and list of fields. */
export interface Group {
  target: string;
  reason: string;
  fields: string[];
  count: number;
  oldest: string | null;
  newest: string | null;
}

/** A dead letter in short. */
export interface Letter {
  id: number;
  target: string;
  reason: string;
  fields: string[];
  interactions: number[] | "all";
  at: string | null;
  request_id: string;
  route: string;
  vendor: string;
  endpoint: string;
  attempts: number;
  last: { outcome: string; status: number | null } | null;
}

/** What a target would be told. */
interface Told {
  requests: Outbound[];
  losses: string[];
  copied: string[];
  refused: Refusal[];
}

/** A dead letter, whole. */
export interface WholeLetter extends Omit<Letter, "attempts"> {
  attempts: { at: string | null; outcome: string; status: number | null; answer: string | null }[];
  inbound: Kept;
  today: Told | { error: string };
}

/** A page of dead letters. */
export interface Letters {
  total: number;
  deadletters: Letter[];
  next: number | null;
}

/** A dry run's answer. */
export interface Translated extends Told {
  canonical: Json[];
}

/** A documented body of a vendor. */
export interface Example {
  vendor: string;
  endpoint: string;
  method: string;
  path: string;
  query: Record<string, string> | null;
  title: string;
  body: Json;
}

/** Who can be a source, and what can be a target. */
export interface Vendors {
  vendors: { name: string; endpoints: { name: string; method: string; paths: string[] }[] }[];
  targets: string[];
}

/** What survives between two vendors. */
export interface Fidelity {
  source: string;
  target: string;
  carried: string[];
  refused: Record<string, string>;
  kept: string[];
  lost: string[];
  copied: string[];
  needs: string[];
}

/** A fault of a configuration. */
export interface Fault {
  line: number | null;
  path: string;
  message: string;
}

/** Whether the API asks for a token, and whether this browser has shown it. */
export interface Session {
  required: boolean;
  authenticated: boolean;
}

/** The configuration in force and what the last reload did. */
export interface Configuration {
  path: string | null;
  text: string;
  applied_at: string;
  warnings: Fault[];
  last: {
    outcome: "applied" | "refused";
    at: string;
    faults: Fault[];
    changes: { path: string; before?: Json; after?: Json }[];
    needs_restart: string[];
  };
  refused_text: string | null;
}
