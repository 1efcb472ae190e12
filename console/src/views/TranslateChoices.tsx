// Whose body it is, where it would be sent, and who would be told.
import { type Draft, pretty } from "../draft";
import type { Example, Vendors } from "../types";

interface Props {
  draft: Draft;
  vendors: Vendors;
  examples: Example[];
  edit: (changed: Partial<Draft>) => void;
}

/** The form above the body. */
export function Choices({ draft, vendors, examples, edit }: Props) {
  const own = examples.filter((one) => one.vendor === draft.source);
  const pick = (example: Example | undefined) =>
    example && edit({ source: example.vendor, path: example.path, body: pretty(example) });
  return (
    <form class="filters" aria-label="What is translated" onSubmit={(event) => event.preventDefault()}>
      <Select
        label="source"
        value={draft.source}
        options={vendors.vendors.map((one) => [one.name, one.name])}
        onPick={(source) => pick(examples.find((one) => one.vendor === source))}
      />
      <Select
        label="path"
        value={draft.path}
        options={paths(vendors, draft.source).map((path) => [path, path])}
        onPick={(path) => edit({ path })}
      />
      <Select
        label="example"
        value=""
        options={[["", "pick one…"], ...own.map((one, index): [string, string] => [String(index), one.title])]}
        onPick={(index) => pick(own[Number(index)])}
      />
      <Select
        label="target"
        value={draft.target}
        options={vendors.targets.map((name) => [name, name])}
        onPick={(target) => edit({ target })}
      />
      <Select
        label="mode"
        value={draft.mode}
        options={[
          ["store", "store"],
          ["forward", "forward"],
        ]}
        onPick={(mode) => edit({ mode })}
      />
    </form>
  );
}

interface SelectProps {
  label: string;
  value: string;
  options: [string, string][];
  onPick: (value: string) => void;
}

function Select({ label, value, options, onPick }: SelectProps) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        {options.map(([one, text]) => (
          <option key={one} value={one}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function paths(vendors: Vendors, source: string): string[] {
  const found = vendors.vendors.find((one) => one.name === source);
  return found?.endpoints.flatMap((one) => one.paths) ?? [];
}
