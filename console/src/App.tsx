// The page around the views: who may look, where one is, whether the news is fresh.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { locked, read, write } from "./api";
import { clock, short } from "./format";
import { Help, isHelpOpen, useKeys } from "./keys";
import { href, place, VIEWS, type View } from "./router";
import { hush, isRefused, listen, news, status } from "./stream";
import { choice, turn } from "./theme";
import type { Configuration, Session } from "./types";
import { Config } from "./views/Config";
import { DeadLetters } from "./views/DeadLetters";
import { Flow } from "./views/Flow";
import { Login } from "./views/Login";
import { Tail } from "./views/Tail";
import { Translate } from "./views/Translate";

const SHOWN: Record<View, ComponentType> = {
  flow: Flow,
  tail: Tail,
  dead: DeadLetters,
  translate: Translate,
  config: Config,
};
const THEMES = { auto: "◑", light: "☀", dark: "☾" };

/** The page. */
export function App() {
  const [isAsked, setAsked] = useState(false);
  const [isSession, setSession] = useState(false);
  const enter = () =>
    read<Session>("/api/session")
      .then((told) => {
        locked.value = told.required && !told.authenticated;
        setSession(told.required);
      })
      .catch(() => undefined)
      .finally(() => setAsked(true));
  useEffect(() => void enter(), []);
  if (!isAsked) {
    return null;
  }
  return locked.value ? <Locked onDone={() => void enter()} /> : <Console isSession={isSession} />;
}

function Locked({ onDone }: { onDone: () => void }) {
  useEffect(hush, []);
  return <Login onDone={onDone} />;
}

function Console({ isSession }: { isSession: boolean }) {
  const { view } = place.value;
  const main = useRef<HTMLElement>(null);
  useKeys();
  useEffect(() => {
    read<Configuration>("/api/config")
      .then((told) => {
        isRefused.value = told.last.outcome === "refused";
      })
      .catch(() => undefined);
  }, []);
  // The tail listens with its own filters; every other view to statuses alone.
  useEffect(() => (view === "tail" ? undefined : listen(null)), [view]);
  useEffect(() => {
    document.title = `${VIEWS[view]} · Interaction Gateway`;
    main.current?.focus({ preventScroll: true });
  }, [view]);
  const Shown = SHOWN[view];
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the view
      </button>
      <Header view={view} isSession={isSession} />
      <main id="main" ref={main} tabIndex={-1} aria-label={VIEWS[view]}>
        <Stale />
        <Shown />
      </main>
      {isHelpOpen.value && <Help />}
    </>
  );
}

/** What is shown when nothing new comes: since when it is old. */
function Stale() {
  const isStale = news.value === "lost";
  return (
    <div role="alert">
      {isStale && (
        <p class="failure">
          <span aria-hidden="true">▲ </span>
          No news from the gateway{status.value && `: what is shown is of ${clock(status.value.now)} UTC`}.
        </p>
      )}
    </div>
  );
}

function Header({ view, isSession }: { view: View; isSession: boolean }) {
  const dead = status.value?.targets.reduce((sum, one) => sum + one.dead, 0) ?? 0;
  return (
    <header class="top">
      <h1>
        <span class="mark-brand" aria-hidden="true" />
        <span class="brand">Interaction Gateway</span>
      </h1>
      <nav aria-label="Views">
        {(Object.keys(VIEWS) as View[]).map((one) => (
          <a key={one} href={href(one)} aria-current={one === view ? "page" : undefined}>
            {VIEWS[one]}
            {one === "dead" && dead > 0 && <span class="badge">{short(dead)}</span>}
            {one === "config" && isRefused.value && (
              <span class="badge" title="the last edit was refused">
                <span aria-hidden="true">!</span>
                <span class="sr">refused</span>
              </span>
            )}
          </a>
        ))}
      </nav>
      <div class="top-acts">
        <News />
        <button type="button" aria-label={`Colours: ${choice.value}`} title={`Colours: ${choice.value}`} onClick={turn}>
          <span aria-hidden="true">{THEMES[choice.value]}</span>
        </button>
        <button type="button" aria-label="Keys" title="Keys" onClick={() => (isHelpOpen.value = true)}>
          <span aria-hidden="true">?</span>
        </button>
        {isSession && <Logout />}
      </div>
    </header>
  );
}

function News() {
  const words = { connecting: "connecting", live: "live", lost: "no news" };
  return (
    <span class={`news ${news.value}`} role="status" title={status.value ? `version ${status.value.version}` : ""}>
      <span aria-hidden="true">{news.value === "live" ? "●" : "○"} </span>
      {words[news.value]}
    </span>
  );
}

function Logout() {
  const leave = () =>
    write("POST", "/api/logout", {})
      .catch(() => undefined)
      .finally(() => {
        locked.value = true;
      });
  return (
    <button type="button" onClick={() => void leave()}>
      Log out
    </button>
  );
}
