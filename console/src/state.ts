// What a target is up to, in one word, a glyph and a colour.
import { past } from "./stream";
import type { Status, Target, Upstream } from "./types";

/** Seconds after which a backlog is worth a look. */
export const LATE = 60;

/** A target's state: its word, its tone, and whether someone should look. */
export interface Standing {
  word: string;
  tone: "ok" | "idle" | "wait" | "bad" | "held";
  glyph: string;
  isTrouble: boolean;
}

/** What a target is up to now. */
export function standing(target: Target, upstream: Upstream | undefined): Standing {
  const stopped = halted(target, upstream);
  if (stopped) {
    return stopped;
  }
  if (target.pending > 0 && (target.oldest_seconds ?? 0) > LATE) {
    return { word: "falling behind", tone: "wait", glyph: "◑", isTrouble: true };
  }
  if (past.targetRate(target.name, "retried") > 0) {
    return { word: "retrying", tone: "wait", glyph: "↻", isTrouble: false };
  }
  if (target.pending > 0 && (target.oldest_seconds ?? 0) > 5) {
    return { word: "catching up", tone: "wait", glyph: "◐", isTrouble: false };
  }
  const isBusy = past.targetRate(target.name, "delivered") > 0;
  return isBusy
    ? { word: "delivering", tone: "ok", glyph: "●", isTrouble: false }
    : { word: "idle", tone: "idle", glyph: "○", isTrouble: false };
}

function halted(target: Target, upstream: Upstream | undefined): Standing | null {
  if (target.orphaned) {
    return { word: "orphaned", tone: "bad", glyph: "✕", isTrouble: target.pending + target.dead > 0 };
  }
  if (target.paused) {
    return { word: "paused", tone: "held", glyph: "‖", isTrouble: true };
  }
  if (upstream?.held) {
    return { word: "held: account in doubt", tone: "bad", glyph: "■", isTrouble: true };
  }
  if (upstream?.breaker_open) {
    return { word: "breaker open", tone: "bad", glyph: "▲", isTrouble: true };
  }
  if (upstream && upstream.paused_seconds > 0) {
    const word = `asked to wait ${Math.ceil(upstream.paused_seconds)} s`;
    return { word, tone: "wait", glyph: "◔", isTrouble: (target.oldest_seconds ?? 0) > LATE };
  }
  return null;
}

/** The upstreams of a status by name. */
export function upstreamsOf(status: Status): Map<string, Upstream> {
  return new Map(status.upstreams.map((one) => [one.name, one]));
}

/** A target's upstream. */
export function upstreamOf(status: Status, target: Target): Upstream | undefined {
  return status.upstreams.find((one) => one.name === target.upstream);
}
