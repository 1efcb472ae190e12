// A canonical interaction as its facts by dotted name; a fact that is lost says so.
import { Exact, type Json } from "../types";
import { Inert } from "./Inert";

interface Props {
  interaction: Json;
  losses: Set<string>;
  copied?: Set<string>;
}

/** The table. */
export function Facts({ interaction, losses, copied }: Props) {
  return (
    <table class="facts">
      <thead class="sr">
        <tr>
          <th scope="col">Fact</th>
          <th scope="col">Value</th>
        </tr>
      </thead>
      <tbody>
        {flat(interaction).map(([name, value]) => {
          const isLost = losses.has(name) || losses.has(name.replace(/\.\d+.*$/, ""));
          return (
            <tr key={name} class={isLost ? "lost" : ""}>
              <th scope="row">
                <Inert text={name} cut={100} />
              </th>
              <td>
                <Inert text={value} cut={160} />
                {isLost && <span class="mark wait"> lost</span>}
                {copied?.has(name) && <span class="mark held"> copied</span>}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Every fact by its dotted name; lists of objects stay JSON. */
function flat(value: Json, name = ""): [string, string][] {
  if (value === null || typeof value !== "object" || value instanceof Exact) {
    return [[name, typeof value === "string" ? value : String(value)]];
  }
  if (Array.isArray(value)) {
    return [[name, json(value)]];
  }
  return Object.entries(value).flatMap(([key, member]) => flat(member, name ? `${name}.${key}` : key));
}

/** JSON text in which exact numbers are themselves. */
export function json(value: Json): string {
  if (value instanceof Exact) {
    return value.digits;
  }
  if (Array.isArray(value)) {
    return `[${value.map(json).join(", ")}]`;
  }
  if (value !== null && typeof value === "object") {
    const pairs = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${json(member)}`);
    return `{${pairs.join(", ")}}`;
  }
  return JSON.stringify(value);
}
