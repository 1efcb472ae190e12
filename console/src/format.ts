// Numbers, times and sizes as people read them.

const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

/** 1204 as "1,204"; millions in short. */
export function count(number: number): string {
  return Math.abs(number) < 1e6 ? GROUPED.format(number) : SHORT.format(number);
}

/** Likewise where there is little room. */
export function short(number: number): string {
  return number < 1000 ? String(number) : SHORT.format(number);
}

/** Events per second. */
export function rate(perSecond: number): string {
  if (perSecond <= 0) {
    return "0/s";
  }
  return perSecond < 0.1 ? "<0.1/s" : `${perSecond < 10 ? perSecond.toFixed(1) : count(perSecond)}/s`;
}

/** Seconds as "4 s", "3 min", "2 h", "5 d". */
export function age(seconds: number | null): string {
  if (seconds === null) {
    return "–";
  }
  const steps: [number, number, string][] = [
    [60, 1, "s"],
    [3600, 60, "min"],
    [172_800, 3600, "h"],
  ];
  const [, unit, word] = steps.find(([limit]) => seconds < limit) ?? [0, 86_400, "d"];
  const number = seconds / unit;
  return `${number < 9.95 && unit > 1 ? Number(number.toFixed(1)) : Math.round(number)} ${word}`;
}

/** Bytes with their unit. */
export function bytes(size: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(size, 1)) / 10));
  const number = size / 1024 ** step;
  return `${number < 10 && step > 0 ? number.toFixed(1) : Math.round(number)} ${units[step]}`;
}

/** The UTC time of day of an ISO 8601 time. */
export function clock(iso: string | null, digits = 8): string {
  return iso?.slice(11, 11 + digits) ?? "–";
}

/** Date and time of an ISO 8601 time, to the second. */
export function day(iso: string | null): string {
  return iso === null ? "–" : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

/** "1 target", "2 targets". */
export function many(number: number, word: string): string {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

/** A share of users as "10 %" or "20–50 %". */
export function share(part: { from: number; to: number }): string {
  const percent = (number: number) => Number((number * 100).toFixed(2));
  return part.from === 0 ? `${percent(part.to)} %` : `${percent(part.from)}–${percent(part.to)} %`;
}
