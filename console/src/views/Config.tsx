// Config: the file in force, why the last one was refused or what it changed, and what survives between vendors.
import { useState } from "preact/hooks";
import { clock, day, many } from "../format";
import { useLoaded } from "../load";
import { Chip, Empty, Failure } from "../parts/Bits";
import { json } from "../parts/Facts";
import { Inert } from "../parts/Inert";
import { Scroll } from "../parts/Scroll";
import { reloads } from "../stream";
import type { Configuration, Fault, Json } from "../types";
import { File } from "./ConfigFile";
import { Matrix } from "./ConfigMatrix";

type Last = Configuration["last"];

/** The view. */
export function Config() {
  const { value, failure } = useLoaded<Configuration>("/api/config", reloads.value);
  return (
    <div class="column">
      <Failure text={failure} />
      {!value && !failure && <Empty>Asking for the configuration…</Empty>}
      {value && <Reload told={value} />}
      {value && <Files told={value} />}
      <Matrix version={reloads.value} />
    </div>
  );
}

function Reload({ told }: { told: Configuration }) {
  const { last } = told;
  const isRefused = last.outcome === "refused";
  return (
    <section class={isRefused ? "card verdict bad" : "card verdict ok"} aria-labelledby="reload-title">
      <h2 id="reload-title" aria-live="polite">
        <span aria-hidden="true">{isRefused ? "▲ " : "● "}</span>
        {isRefused
          ? `The file was refused at ${clock(last.at)} UTC: ${many(last.faults.length, "fault")}`
          : `In force since ${day(told.applied_at)} UTC`}
      </h2>
      {isRefused && <p>The configuration of {day(told.applied_at)} UTC stays in force.</p>}
      {isRefused && <Faults faults={last.faults} />}
      {!isRefused && <Changes last={last} />}
      {last.needs_restart.length > 0 && (
        <p>
          Needs a restart:{" "}
          {last.needs_restart.map((one) => (
            <Chip key={one} tone="wait">
              {one}
            </Chip>
          ))}
        </p>
      )}
      <Warnings warnings={told.warnings} />
    </section>
  );
}

function Faults({ faults }: { faults: Fault[] }) {
  return (
    <ul class="faults">
      {faults.map((one, index) => (
        <li key={index}>
          {one.line !== null && <span class="number">line {one.line}: </span>}
          <code>
            <Inert text={one.path} />
          </code>{" "}
          <Inert text={one.message} />
        </li>
      ))}
    </ul>
  );
}

function Warnings({ warnings }: { warnings: Fault[] }) {
  return warnings.length === 0 ? null : (
    <details>
      <summary>{many(warnings.length, "warning")}</summary>
      <ul class="faults">
        {warnings.map((one, index) => (
          <li key={index}>
            {one.line !== null && `line ${one.line}: `}
            <Inert text={`${one.path} ${one.message}`} />
          </li>
        ))}
      </ul>
    </details>
  );
}

function Changes({ last }: { last: Last }) {
  if (last.changes.length === 0) {
    return <p class="soft">It changed nothing when it was taken up.</p>;
  }
  return (
    <>
      <h3>What the last reload changed, at {clock(last.at)} UTC</h3>
      <Scroll label="Changes">
        <table class="changes">
          <thead>
            <tr>
              <th scope="col">Setting</th>
              <th scope="col">Before</th>
              <th scope="col">Now</th>
            </tr>
          </thead>
          <tbody>
            {last.changes.map((one) => (
              <tr key={one.path}>
                <th scope="row">
                  <code>
                    <Inert text={one.path} />
                  </code>
                </th>
                <td>
                  <Setting value={one.before} mark="−" />
                </td>
                <td>
                  <Setting value={one.after} mark="+" />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

function Setting({ value, mark }: { value: Json | undefined; mark: string }) {
  return value === undefined ? (
    <span class="soft">not there</span>
  ) : (
    <code class={mark === "+" ? "added" : "removed"}>
      <span aria-hidden="true">{mark} </span>
      <Inert text={json(value)} cut={200} />
    </code>
  );
}

function Files({ told }: { told: Configuration }) {
  const refused = told.last.outcome === "refused" ? told.refused_text : null;
  const [isOld, setOld] = useState(false);
  const isRefused = refused !== null && !isOld;
  return (
    <section class="card" aria-labelledby="file-title">
      <div class="card-head">
        <h2 id="file-title">
          {isRefused ? "The refused file" : "The file in force"} <span class="soft small">{told.path}</span>
        </h2>
        {refused !== null && (
          <button type="button" onClick={() => setOld(!isOld)}>
            {isOld ? "Show the refused one" : "Show the one in force"}
          </button>
        )}
      </div>
      <File text={isRefused ? refused : told.text} faults={isRefused ? told.last.faults : []} />
    </section>
  );
}
