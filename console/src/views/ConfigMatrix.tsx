// The fidelity matrix: what survives from every vendor to every vendor; a cell opened names every field.
import { useState } from "preact/hooks";
import { useLoaded } from "../load";
import { Empty, Failure, Names } from "../parts/Bits";
import { Scroll } from "../parts/Scroll";
import type { Fidelity } from "../types";

/** The matrix, measured from the mappings themselves. */
export function Matrix({ version }: { version: unknown }) {
  const { value, failure } = useLoaded<Fidelity[]>("/api/matrix", version);
  const [chosen, setChosen] = useState<string | null>(null);
  const opened = value?.find((one) => key(one) === chosen);
  return (
    <section class="card" aria-labelledby="matrix-title">
      <h2 id="matrix-title">Fidelity: what survives</h2>
      <p class="soft">
        Every kind of interaction that the vendor on the left can state, filled completely: how many arrive at the
        vendor above, and how many fields some of them lose.
      </p>
      <Failure text={failure} />
      {!value && !failure && <Empty>Measuring…</Empty>}
      {value && <Grid pairs={value} chosen={chosen} onChoose={(one) => setChosen(one === chosen ? null : one)} />}
      <div aria-live="polite">{opened && <Opened pair={opened} />}</div>
    </section>
  );
}

interface GridProps {
  pairs: Fidelity[];
  chosen: string | null;
  onChoose: (key: string) => void;
}

function Grid({ pairs, chosen, onChoose }: GridProps) {
  const names = [...new Set(pairs.map((one) => one.source))];
  return (
    <Scroll label="Fidelity matrix">
      <table class="matrix">
        <thead>
          <tr>
            <th scope="col">from ↓ to →</th>
            {names.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((source) => (
            <tr key={source}>
              <th scope="row">{source}</th>
              {names.map((target) => {
                const pair = pairs.find((one) => one.source === source && one.target === target);
                return (
                  <td key={target}>
                    {pair && <Cell pair={pair} isChosen={chosen === key(pair)} onChoose={onChoose} />}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Cell({ pair, isChosen, onChoose }: { pair: Fidelity; isChosen: boolean; onChoose: (key: string) => void }) {
  if (pair.source === pair.target) {
    return <span class="soft same">as it came</span>;
  }
  const kinds = pair.carried.length + Object.keys(pair.refused).length;
  const tone = pair.carried.length === kinds ? "ok" : "wait";
  return (
    <button type="button" class={`cell ${tone}`} aria-pressed={isChosen} onClick={() => onChoose(key(pair))}>
      <b class="number">
        {pair.carried.length} of {kinds}
      </b>
      <span class="soft">
        {pair.lost.length} lost{pair.needs.length > 0 && `, ${pair.needs.length} to fill`}
      </span>
    </button>
  );
}

function Opened({ pair }: { pair: Fidelity }) {
  return (
    <div class="pair">
      <h3>
        {pair.source} → {pair.target}
      </h3>
      <Names title="needs a fill for" names={pair.needs} tone="held" />
      <Names title="loses" names={pair.lost} tone="wait" />
      <Names title="copied, minted by another vendor" names={pair.copied} tone="held" />
      <Names title="keeps" names={pair.kept} tone="ok" />
      <Names title="refused" names={Object.entries(pair.refused).map(([kind, why]) => `${kind}: ${why}`)} tone="bad" />
      <Names title="carried" names={pair.carried} tone="" />
    </div>
  );
}

function key(pair: Fidelity): string {
  return `${pair.source} ${pair.target}`;
}
