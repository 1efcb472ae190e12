// What the last minutes were like, from the counts of one status a second; bounded, whatever the gateway does.
import type { Status, Target } from "./types";

const KEPT = 300;
const WINDOW = 5;

/** A target's counts at one moment. */
interface Point {
  at: number;
  pending: number;
  delivered: number;
  retried: number;
  dead: number;
}

/** The last minutes of a whole gateway, as columns for a chart. */
interface Columns {
  at: number[];
  received: number[];
  delivered: number[];
  pending: number[];
}

/** Remembers statuses and tells rates. */
export class History {
  readonly columns: Columns = { at: [], received: [], delivered: [], pending: [] };
  private started = "";
  private interactions: { at: number; count: number }[] = [];
  private routes = new Map<string, { at: number; count: number }[]>();
  private targets = new Map<string, Point[]>();

  /** Take one status; another start of the gateway begins anew. */
  add(status: Status): void {
    const at = Date.parse(status.now) / 1000;
    if (status.started_at !== this.started) {
      this.forget(status.started_at);
    }
    kept(this.interactions, { at, count: status.interactions });
    for (const route of status.routes) {
      kept(listed(this.routes, route.name), { at, count: route.received });
    }
    for (const target of status.targets) {
      kept(listed(this.targets, target.name), point(target, at));
    }
    prune(this.routes, new Set(status.routes.map((one) => one.name)));
    prune(this.targets, new Set(status.targets.map((one) => one.name)));
    this.extend(status, at);
  }

  /** Inbounds a second that a route takes. */
  routeRate(name: string): number {
    return slope(this.routes.get(name) ?? [], (one) => one.count);
  }

  /** What a target counts, a second. */
  targetRate(name: string, what: "delivered" | "retried" | "dead"): number {
    return slope(this.targets.get(name) ?? [], (one) => one[what]);
  }

  /** A target's backlog over the last minutes. */
  backlog(name: string): number[] {
    return (this.targets.get(name) ?? []).map((one) => one.pending);
  }

  private extend(status: Status, at: number): void {
    const sum = (of: (target: Target) => number) => status.targets.reduce((total, one) => total + of(one), 0);
    const rate = status.targets.reduce((total, one) => total + this.targetRate(one.name, "delivered"), 0);
    kept(this.columns.at, at);
    kept(
      this.columns.received,
      slope(this.interactions, (one) => one.count),
    );
    kept(this.columns.delivered, rate);
    kept(
      this.columns.pending,
      sum((one) => one.pending),
    );
  }

  private forget(started: string): void {
    this.started = started;
    this.interactions = [];
    this.routes.clear();
    this.targets.clear();
    for (const column of Object.values(this.columns) as number[][]) {
      column.length = 0;
    }
  }
}

function point(target: Target, at: number): Point {
  const { delivered, retried, dead } = target.funnel;
  return { at, pending: target.pending, delivered, retried, dead };
}

function kept<T>(list: T[], one: T): void {
  list.push(one);
  if (list.length > KEPT) {
    list.shift();
  }
}

function listed<T>(lists: Map<string, T[]>, name: string): T[] {
  const found = lists.get(name) ?? [];
  lists.set(name, found);
  return found;
}

function prune(lists: Map<string, unknown>, names: Set<string>): void {
  for (const name of lists.keys()) {
    if (!names.has(name)) {
      lists.delete(name);
    }
  }
}

function slope<T extends { at: number }>(points: T[], of: (one: T) => number): number {
  const last = points.at(-1);
  if (!last) {
    return 0;
  }
  const first = points.find((one) => one.at >= last.at - WINDOW) ?? last;
  return last.at > first.at ? Math.max(0, (of(last) - of(first)) / (last.at - first.at)) : 0;
}
