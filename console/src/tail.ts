// The live tail: what passed lately, newest first, bounded; deliveries join the inbound that they belong to.
import { signal } from "@preact/signals";
import type { Delivery, Inbound } from "./types";

const MOST = 500;

/** One inbound with what is known of its deliveries; a delivery whose inbound has passed stands alone. */
export interface Row {
  id: string;
  at: string;
  inbound: Inbound | null;
  deliveries: Record<string, Delivery>;
}

/** The rows shown, newest first. */
export const rows = signal<readonly Row[]>([]);
/** Whether the list stands still. */
export const isPaused = signal(false);
/** Whether it stands still for as long as someone points at it or has the focus in it. */
export const isHeld = signal(false);
/** How many inbounds came while it stood still. */
export const unseen = signal(0);
/** What share is shown, and how many were left out, while the tail samples. */
export const sampling = signal<{ sampling: number; skipped: number }>({ sampling: 1, skipped: 0 });

const kept = new Map<string, Row>();

/** Take events that came since the last frame, oldest first. */
export function take(events: readonly (Inbound | Delivery)[]): void {
  let fresh = 0;
  for (const event of events) {
    fresh += isDelivery(event) ? deliver(event) : receive(event);
  }
  for (const id of kept.keys()) {
    if (kept.size <= MOST) {
      break;
    }
    kept.delete(id);
  }
  if (isPaused.value || isHeld.value) {
    unseen.value += fresh;
  } else {
    show();
  }
}

/** Forget everything, as for another filter. */
export function clear(): void {
  kept.clear();
  unseen.value = 0;
  rows.value = [];
}

/** Stand still, or go on. */
export function pause(paused: boolean): void {
  isPaused.value = paused;
  goOn();
}

/** Hold it, or let go. */
export function hold(held: boolean): void {
  isHeld.value = held;
  goOn();
}

function goOn(): void {
  if (!isPaused.value && !isHeld.value) {
    show();
  }
}

function show(): void {
  unseen.value = 0;
  rows.value = [...kept.values()].reverse();
}

function receive(inbound: Inbound): number {
  const before = kept.get(inbound.request_id);
  kept.set(inbound.request_id, {
    id: inbound.request_id,
    at: inbound.received_at,
    inbound,
    deliveries: before?.deliveries ?? {},
  });
  return before ? 0 : 1;
}

function deliver(delivery: Delivery): number {
  const before = kept.get(delivery.request_id);
  const deliveries = { ...before?.deliveries, [delivery.target]: delivery };
  kept.set(delivery.request_id, {
    id: delivery.request_id,
    at: before?.at ?? delivery.at,
    inbound: before?.inbound ?? null,
    deliveries,
  });
  return before ? 0 : 1;
}

function isDelivery(event: Inbound | Delivery): event is Delivery {
  return "target" in event;
}
