// The delivery funnels: what each target received, and what became of it, since the gateway started.
import { count } from "../format";
import { Inert } from "../parts/Inert";
import { Scroll } from "../parts/Scroll";
import { href } from "../router";
import type { Funnel, Status, Target } from "../types";

interface Step {
  name: string;
  title: string;
  tone: string;
  /** Counted in another unit than interactions, so that no bar fits. */
  isBare?: boolean;
  /** Shown only where there is any: most targets never come to it. */
  isRare?: boolean;
  of: (funnel: Funnel, target: Target) => number;
}

/** The steps of the way, in order. */
const STEPS: readonly Step[] = [
  { name: "received", title: "interactions that the route took", tone: "in", of: (one) => one.received },
  { name: "filtered", title: "not meant for it: when, share", tone: "idle", of: (one) => one.filtered },
  { name: "dropped", title: "no word for it, and unsupported = drop", tone: "idle", of: (one) => one.dropped },
  { name: "refused", title: "accepted, but it cannot carry them", tone: "bad", of: (one) => one.refused },
  { name: "translated", title: "said in its words", tone: "in", of: (one) => one.translated },
  {
    name: "losses",
    title: "fields that it could not be told, by name",
    tone: "wait",
    isBare: true,
    of: (one) => one.losses,
  },
  { name: "queued", title: "inbounds that wait on disk, now", tone: "wait", of: (_, target) => target.pending },
  { name: "retried", title: "attempts that are tried again", tone: "wait", of: (one) => one.retried },
  { name: "delivered", title: "deliveries that it took", tone: "ok", of: (one) => one.delivered },
  { name: "dead", title: "dead letters since start", tone: "bad", of: (one) => one.dead },
  { name: "shed", title: "given up at max_backlog, oldest first", tone: "bad", isRare: true, of: (one) => one.shed },
  { name: "lost", title: "copies that the store had no room for", tone: "bad", isRare: true, of: (one) => one.lost },
];

/** The steps that any of these targets came to. */
function stepsOf(targets: readonly Target[]): Step[] {
  return STEPS.filter((step) => !step.isRare || targets.some((one) => step.of(one.funnel, one) > 0));
}

/** Every target's way as one row. */
export function Funnels({ status }: { status: Status }) {
  const steps = stepsOf(status.targets);
  return (
    <section class="card" aria-labelledby="funnels-title">
      <h2 id="funnels-title">Delivery funnels, since start</h2>
      <Scroll label="Delivery funnels">
        <table class="funnels">
          <thead>
            <tr>
              <th scope="col">Target</th>
              {steps.map((step) => (
                <th key={step.name} scope="col" class="right" title={step.title}>
                  {step.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {status.targets.map((target) => (
              <tr key={target.name}>
                <th scope="row">
                  <a href={href("flow", { target: target.name })}>
                    <Inert text={target.name} />
                  </a>
                </th>
                {steps.map((step) => (
                  <Cell key={step.name} step={step} target={target} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Cell({ step, target }: { step: Step; target: Target }) {
  const number = step.of(target.funnel, target);
  return (
    <td class={number > 0 ? `right number ${step.tone}` : "right number soft"}>
      {count(number)}
      <span
        class={`under ${step.tone}`}
        aria-hidden="true"
        style={{ width: `${part(step, number, target.funnel)}%` }}
      />
    </td>
  );
}

/** One target's way, step by step. */
export function FunnelOf({ target }: { target: Target }) {
  return (
    <ol class="funnel">
      {stepsOf([target]).map((step) => {
        const number = step.of(target.funnel, target);
        return (
          <li key={step.name}>
            <span class="funnel-name">
              {step.name}
              <span class="soft small">{step.title}</span>
            </span>
            <span class="number">{count(number)}</span>
            <span class="bar" aria-hidden="true">
              <span class={step.tone} style={{ width: `${part(step, number, target.funnel)}%` }} />
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function part(step: Step, number: number, funnel: Funnel): number {
  return number === 0 || step.isBare ? 0 : Math.max(1, Math.min(100, (number / Math.max(1, funnel.received)) * 100));
}
