// Tail: what passes, as it passes.
import { useEffect, useState } from "preact/hooks";
import { count } from "../format";
import { Empty } from "../parts/Bits";
import { change, place } from "../router";
import { listen, status } from "../stream";
import { clear, hold, isHeld, isPaused, pause, rows, sampling, unseen } from "../tail";
import { OpenedRow } from "./TailOpened";
import { Rows } from "./TailRows";

const FILTERS = ["user", "route", "vendor", "target", "outcome"] as const;
const OUTCOMES = ["accepted", "rejected", "failed", "delivered", "retried", "dead", "nothing"];

/** The view. */
export function Tail() {
  const { params } = place.value;
  const filters = Object.fromEntries(FILTERS.flatMap((name) => (params[name] ? [[name, params[name]]] : [])));
  const asked = JSON.stringify(filters);
  useEffect(() => {
    clear();
    listen(filters);
    return () => {
      hold(false);
      listen(null);
    };
  }, [asked]);
  return (
    <div class={params.id ? "split open" : "split"}>
      <section class="column card" aria-labelledby="tail-title">
        <div class="card-head">
          <h2 id="tail-title">Live tail</h2>
          <Still />
        </div>
        <Filters values={filters} />
        <Sampling />
        {rows.value.length === 0 ? <Empty>{nothing(Object.keys(filters).length > 0)}</Empty> : <Rows />}
      </section>
      {params.id && <OpenedRow key={params.id} id={params.id} />}
    </div>
  );
}

function nothing(isFiltered: boolean): string {
  return isFiltered
    ? "Nothing that fits has passed since this was opened."
    : "Nothing has passed since this was opened.";
}

function Still() {
  return (
    <span class="acts">
      <span class="soft number">
        <span role="status">{isPaused.value && "paused"}</span>
        {isPaused.value || isHeld.value
          ? `${isPaused.value ? "" : "held"}, ${count(unseen.value)} new`
          : `${count(rows.value.length)} kept`}
      </span>
      <button type="button" aria-pressed={isPaused.value} onClick={() => pause(!isPaused.value)}>
        {isPaused.value ? "Resume" : "Pause"}
      </button>
      <button type="button" onClick={clear}>
        Clear
      </button>
    </span>
  );
}

function Sampling() {
  const { sampling: part, skipped } = sampling.value;
  return (
    <p class={part < 1 ? "note wait" : "hidden"} role="status">
      {part < 1 &&
        `More passes than can be shown: about ${Number((part * 100).toPrecision(2))} % of it is, ${count(skipped)} left out.`}
    </p>
  );
}

function Filters({ values }: { values: Record<string, string> }) {
  const told = status.value;
  const vendors = new Set(told?.routes.map((one) => one.accepts));
  const choices: [(typeof FILTERS)[number], string[]][] = [
    ["route", told?.routes.map((one) => one.name) ?? []],
    ["vendor", [...vendors]],
    ["target", told?.targets.map((one) => one.name) ?? []],
    ["outcome", OUTCOMES],
  ];
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <User asked={values.user ?? ""} />
      {choices.map(([name, options]) => (
        <Choice key={name} name={name} value={values[name] ?? ""} options={options} />
      ))}
    </form>
  );
}

/** Whom to show: what is typed is kept while the view is drawn anew with each second's status. */
function User({ asked }: { asked: string }) {
  const [typed, setTyped] = useState(asked);
  useEffect(() => setTyped(asked), [asked]);
  return (
    <label>
      user
      <input
        type="search"
        id="first-filter"
        placeholder="exact id"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => change({ user: event.currentTarget.value, id: undefined })}
      />
    </label>
  );
}

function Choice({ name, value, options }: { name: string; value: string; options: string[] }) {
  const all = value === "" || options.includes(value) ? options : [value, ...options];
  return (
    <label>
      {name}
      <select value={value} onChange={(event) => change({ [name]: event.currentTarget.value, id: undefined })}>
        <option value="">any</option>
        {all.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}
