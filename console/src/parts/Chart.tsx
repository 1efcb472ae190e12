// The last five minutes as lines, drawn by uPlot.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { rate } from "../format";
import { past, status } from "../stream";
import { theme } from "../theme";

const HEIGHT = 132;

/** What comes in, what goes out and what waits. */
export function Chart() {
  const holder = useRef<HTMLDivElement>(null);
  const shown = theme.value;
  useEffect(() => (holder.current ? draw(holder.current) : undefined), [shown]);
  const { received, delivered, pending } = past.columns;
  const label = `Last five minutes. Now: ${rate(received.at(-1) ?? 0)} interactions in, ${rate(
    delivered.at(-1) ?? 0,
  )} deliveries out, ${pending.at(-1) ?? 0} waiting.`;
  return <div class="chart" ref={holder} role="img" aria-label={status.value ? label : "Last five minutes"} />;
}

function draw(holder: HTMLElement): () => void {
  const chart = new uPlot(options(holder), data(), holder);
  const stop = status.subscribe(() => {
    chart.setData(data());
    if (chart.cursor.idx === null || chart.cursor.idx === undefined) {
      chart.setLegend({ idx: past.columns.at.length - 1 }, false);
    }
  });
  const resized = new ResizeObserver(() => chart.setSize({ width: holder.clientWidth, height: HEIGHT }));
  resized.observe(holder);
  return () => {
    stop();
    resized.disconnect();
    chart.destroy();
  };
}

function data(): uPlot.AlignedData {
  const { at, received, delivered, pending } = past.columns;
  return [at, received, delivered, pending];
}

function options(holder: HTMLElement): uPlot.Options {
  const style = getComputedStyle(holder);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `11px ${style.fontFamily}`;
  const axis = { stroke: colour("--soft"), font, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  return {
    width: holder.clientWidth,
    height: HEIGHT,
    pxAlign: 0,
    cursor: { y: false, points: { size: 6 } },
    legend: { show: true, live: true },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
    scales: { x: { range: sinceStart }, "/s": { range: fromZero }, waiting: { range: fromZero } },
    axes: [
      { ...axis, grid: { show: false }, size: 22, incrs: [15, 30, 60], space: 70, values: "{HH}:{mm}:{ss}" },
      { ...axis, scale: "/s", size: 44 },
      { ...axis, scale: "waiting", side: 1, size: 44, grid: { show: false } },
    ],
    series: [
      { value: "{HH}:{mm}:{ss}", label: "UTC" },
      { label: "in/s", scale: "/s", stroke: colour("--in"), width: 1.75, value: short },
      { label: "out/s", scale: "/s", stroke: colour("--ok"), width: 1.75, value: short },
      { label: "waiting", scale: "waiting", stroke: colour("--wait"), width: 1.75, dash: [4, 3], value: short },
    ],
  };
}

/** The minutes that were seen: one at least, five at most. */
function sinceStart(_: uPlot, least: number, most: number): uPlot.Range.MinMax {
  return [most - Math.min(300, Math.max(60, most - least)), most];
}

function fromZero(_: uPlot, __: number, most: number): uPlot.Range.MinMax {
  return [0, Math.max(4, most * 1.1)];
}

function short(_: uPlot, value: number | null): string {
  return value === null ? "–" : value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
}
