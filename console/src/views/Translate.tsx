// Translate: a body in one vendor's words, and beside it what it means and what another would be told; nothing is sent.
import { useEffect, useState } from "preact/hooks";
import { isAborted, Problem, worded, writeText } from "../api";
import { type Draft, isGet, pretty } from "../draft";
import { many } from "../format";
import { useLoaded } from "../load";
import { Copy, Empty, Failure, Leftovers, Request } from "../parts/Bits";
import { Facts } from "../parts/Facts";
import { Inert } from "../parts/Inert";
import { change, place } from "../router";
import { testCase } from "../testcase";
import type { Example, Translated, Vendors } from "../types";
import { Choices } from "./TranslateChoices";

const PAUSE = 250;

/** The view. */
export function Translate() {
  const vendors = useLoaded<Vendors>("/api/vendors");
  const examples = useLoaded<{ examples: Example[] }>("/api/examples");
  const failure = vendors.failure ?? examples.failure;
  return vendors.value && examples.value ? (
    <Desk vendors={vendors.value} examples={examples.value.examples} />
  ) : (
    <>
      <Failure text={failure} />
      {!failure && <Empty>Asking for the vendors…</Empty>}
    </>
  );
}

function Desk({ vendors, examples }: { vendors: Vendors; examples: Example[] }) {
  const [draft, setDraft] = useState<Draft>(() => beginning(vendors, examples));
  const edit = (changed: Partial<Draft>) => {
    const next = { ...draft, ...changed };
    setDraft(next);
    change({ source: next.source, path: next.path, target: next.target, mode: next.mode }, true);
  };
  const { told, problem } = useTranslated(draft, isGet(draft, vendors));
  return (
    <div class="desk">
      <section class="card" aria-labelledby="inbound-title">
        <h2 id="inbound-title">Inbound</h2>
        <Choices draft={draft} vendors={vendors} examples={examples} edit={edit} />
        <label class="editor">
          {isGet(draft, vendors) ? "Query, as a JSON object" : "Body"}
          <textarea
            spellcheck={false}
            autocomplete="off"
            value={draft.body}
            onInput={(event) => edit({ body: event.currentTarget.value })}
          />
        </label>
        <Problems problem={problem} />
      </section>
      <section class="card" aria-labelledby="canonical-title">
        <h2 id="canonical-title">Canonical form</h2>
        {told ? <Meaning told={told} /> : <Empty>Nothing could be read.</Empty>}
      </section>
      <section class="card" aria-labelledby="outbound-title">
        <div class="card-head">
          <h2 id="outbound-title">
            To <Inert text={draft.target} />
          </h2>
          <Copy text={() => testCase(draft, vendors)}>Copy as test case</Copy>
        </div>
        {told ? <Outbounds told={told} /> : <Empty>Nothing would be sent.</Empty>}
      </section>
    </div>
  );
}

function Problems({ problem }: { problem: Error | null }) {
  return (
    <>
      <Failure text={problem && worded(problem)} />
      {problem instanceof Problem && problem.errors.length > 0 && (
        <ul class="faults">
          {problem.errors.map((one, index) => (
            <li key={index}>
              <code>
                <Inert text={one.path} />
              </code>{" "}
              <Inert text={one.detail} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Meaning({ told }: { told: Translated }) {
  const losses = new Set(told.losses);
  const copied = new Set(told.copied);
  return (
    <>
      {told.canonical.map((one, index) => (
        <Facts key={index} interaction={one} losses={losses} copied={copied} />
      ))}
    </>
  );
}

function Outbounds({ told }: { told: Translated }) {
  return (
    <>
      <p class="sr" role="status">
        {many(told.requests.length, "request")}, {told.losses.length} lost, {told.refused.length} refused
      </p>
      <Leftovers {...told} />
      {told.requests.length === 0 && <Empty>Nothing would be sent.</Empty>}
      {told.requests.map((request, index) => (
        <Request key={index} request={request} />
      ))}
    </>
  );
}

/** The dry run of a draft, once typing rests; the last one asked for is the one shown. */
function useTranslated(draft: Draft, asksByQuery: boolean) {
  const [found, setFound] = useState<{ told: Translated | null; problem: Error | null }>({ told: null, problem: null });
  useEffect(() => {
    const stop = new AbortController();
    const timer = setTimeout(() => {
      ask(draft, asksByQuery, stop.signal)
        .then((told) => setFound({ told, problem: null }))
        .catch((error: Error) => isAborted(error) || setFound({ told: null, problem: error }));
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [draft, asksByQuery]);
  return found;
}

async function ask(draft: Draft, asksByQuery: boolean, signal: AbortSignal): Promise<Translated> {
  const { source, target, path, mode } = draft;
  try {
    JSON.parse(draft.body);
  } catch (error) {
    throw new Problem(0, `This is not JSON: ${worded(error)}`);
  }
  // It goes out as it was typed: no number in it is rounded on the way.
  const rest = JSON.stringify({ source, target, path, mode }).slice(1);
  const name = asksByQuery ? "query" : "body";
  return writeText<Translated>("POST", "/api/translate", `{"${name}":${draft.body},${rest}`, signal);
}

function beginning(vendors: Vendors, examples: Example[]): Draft {
  const { params } = place.value;
  const source = params.source ?? vendors.vendors[0]?.name ?? "";
  const fits = examples.filter((one) => one.vendor === source);
  const example = fits.find((one) => one.path === params.path) ?? fits[0];
  return {
    source,
    path: params.path ?? example?.path ?? "",
    target: params.target ?? vendors.targets[0] ?? "",
    mode: params.mode ?? "store",
    body: example ? pretty(example) : "{}",
  };
}
