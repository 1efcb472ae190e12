// Single keys for those who look all day; they can be switched off, and never act while something is typed.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Ask } from "./parts/Ask";
import { go, place, VIEWS, type View } from "./router";
import { isPaused, pause } from "./tail";
import { turn } from "./theme";

const KEY = "gateway.keys";
const TYPED = "input, select, textarea, [contenteditable], dialog";

/** Whether the list of keys is shown. */
export const isHelpOpen = signal(false);

const isOn = signal(localStorage.getItem(KEY) !== "off");

const KEYS: [string, string][] = [
  ["1 … 5", "the views, in their order"],
  ["j, k", "the next, the previous row of a list"],
  ["Enter", "open what has the focus"],
  ["Escape", "close what is open"],
  ["/", "the first filter"],
  ["p", "pause or resume the tail"],
  ["t", "colours: as the system, light, dark"],
  ["?", "this list"],
];

/** Listen to keys while the console is shown. */
export function useKeys(): void {
  useEffect(() => {
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

function pressed(event: KeyboardEvent): void {
  const isTyped = event.target instanceof Element && event.target.closest(TYPED);
  if (!isOn.value || isTyped || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const act = action(event.key);
  if (act) {
    event.preventDefault();
    act();
  }
}

function action(key: string): (() => void) | undefined {
  const view = (Object.keys(VIEWS) as View[])[Number(key) - 1];
  if (view) {
    return () => go(view);
  }
  const acts: Record<string, () => void> = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => document.querySelector<HTMLElement>(".filters input, .filters select")?.focus(),
    p: () => place.value.view === "tail" && pause(!isPaused.value),
    t: turn,
    "?": () => {
      isHelpOpen.value = true;
    },
  };
  return acts[key];
}

/** Move the focus among the links that open a row. */
function step(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>(".opens, .target-name a")];
  const now = links.indexOf(document.activeElement as HTMLElement);
  links[now < 0 ? 0 : Math.min(links.length - 1, Math.max(0, now + by))]?.focus();
}

/** The list of keys. */
export function Help() {
  const close = () => {
    isHelpOpen.value = false;
  };
  return (
    <Ask title="Keys" onAct={close} onClose={close}>
      <dl class="pairs keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={isOn.value}
          onChange={(event) => {
            isOn.value = event.currentTarget.checked;
            localStorage.setItem(KEY, isOn.value ? "on" : "off");
          }}
        />
        single keys are on
      </label>
    </Ask>
  );
}
