// A backlog's last minutes, as small as a word.
import { line } from "d3-shape";

const WIDTH = 56;
const HEIGHT = 16;

/** A line from the oldest value to the newest; decoration, the number stands beside it. */
export function Spark({ values }: { values: number[] }) {
  // Below this a backlog is a ripple, and looks like one.
  const most = Math.max(20, ...values);
  const draw = line<number>()
    .x((_, index) => WIDTH - (values.length - 1 - index) * (WIDTH / 299))
    .y((value) => HEIGHT - 1 - (value / most) * (HEIGHT - 2));
  return (
    <svg class="spark" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {values.some((value) => value > 0) && <path d={draw(values) ?? ""} />}
    </svg>
  );
}
