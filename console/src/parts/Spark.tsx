// A backlog's last minutes, as small as a word.
import { line } from "d3-shape";

const WIDTH = 56;
const HEIGHT = 16;
/** A backlog that never was larger is not worth a line. */
const RIPPLE = 10;

/** A line from the oldest value to the newest; decoration, the number stands beside it. */
export function Spark({ values }: { values: number[] }) {
  const most = Math.max(...values, 0);
  const draw = line<number>()
    .x((_, index) => WIDTH - (values.length - 1 - index) * (WIDTH / 299))
    .y((value) => HEIGHT - 1 - (value / most) * (HEIGHT - 2));
  return (
    <svg class="spark" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {most >= RIPPLE && <path d={draw(values) ?? ""} />}
    </svg>
  );
}
