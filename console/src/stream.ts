// The one event stream of the page: statuses always, the tail's events while its view is open.
import { signal } from "@preact/signals";
import { locked, read } from "./api";
import { History } from "./history";
import { sampling, take } from "./tail";
import type { Delivery, Inbound, Session, Status } from "./types";

/** The last status. */
export const status = signal<Status | null>(null);
/** Whether statuses come. */
export const news = signal<"connecting" | "live" | "lost">("connecting");
/** How often the configuration was reloaded, or refused, while the page looked. */
export const reloads = signal(0);
/** Whether the last edit of the configuration was refused. */
export const isRefused = signal(false);
/** What the last minutes were like. */
export const past = new History();

const RETRY = 3000;
const SILENCE = 5000;
const SPACING = 200;

let source: EventSource | null = null;
let asked = "";
let heard = 0;
let toldAt = 0;
let waiting: (Inbound | Delivery)[] = [];
let isScheduled = false;

/** Listen with these filters; null: to statuses alone. */
export function listen(filters: Record<string, string> | null): void {
  const query = new URLSearchParams(filters ?? { tail: "0" }).toString();
  if (source && query === asked && source.readyState !== EventSource.CLOSED) {
    return;
  }
  asked = query;
  open();
}

/** Stop listening. */
export function hush(): void {
  source?.close();
  source = null;
  waiting = [];
}

setInterval(() => {
  if (source && Date.now() - heard > SILENCE && news.value === "live") {
    news.value = "lost";
  }
}, 1000);

function open(): void {
  hush();
  const opened = new EventSource(`/api/events?${asked}`);
  source = opened;
  const on = <T>(name: string, run: (told: T) => void) =>
    opened.addEventListener(name, (event) => {
      heard = Date.now();
      run(JSON.parse((event as MessageEvent<string>).data) as T);
    });
  on<Status>("status", hear);
  on<Inbound>("inbound", queue);
  on<Delivery>("delivery", queue);
  on<{ sampling: number; skipped?: number }>("hello", (told) => sample(told));
  on<{ sampling: number; skipped?: number }>("tail", (told) => sample(told));
  on<{ outcome: string }>("reload", (told) => {
    isRefused.value = told.outcome === "refused";
    reloads.value += 1;
  });
  opened.onerror = () => void broken(opened);
}

/** The gateway's clock in seconds, by its last status and what has passed since. */
export function gatewayNow(): number {
  return (status.value ? Date.parse(status.value.now) + Date.now() - toldAt : Date.now()) / 1000;
}

function hear(told: Status): void {
  toldAt = Date.now();
  past.add(told);
  status.value = told;
  news.value = "live";
}

function sample(told: { sampling: number; skipped?: number }): void {
  sampling.value = { sampling: told.sampling, skipped: told.skipped ?? 0 };
}

/** A browser tries a broken connection again by itself, but not one that was refused. */
async function broken(failed: EventSource): Promise<void> {
  if (failed !== source) {
    return;
  }
  news.value = "lost";
  if (failed.readyState !== EventSource.CLOSED) {
    return;
  }
  const session = await read<Session>("/api/session").catch(() => null);
  if (session && !session.authenticated && session.required) {
    locked.value = true;
  }
  setTimeout(() => {
    if (failed === source && !locked.value) {
      open();
    }
  }, RETRY);
}

/** Events are shown together, a few times a second and when the page is painted. */
function queue(event: Inbound | Delivery): void {
  waiting.push(event);
  if (waiting.length > 2000) {
    waiting = waiting.slice(-1000);
  }
  if (!isScheduled) {
    isScheduled = true;
    setTimeout(() => requestAnimationFrame(flush), SPACING);
  }
}

function flush(): void {
  isScheduled = false;
  const events = waiting;
  waiting = [];
  take(events);
}
