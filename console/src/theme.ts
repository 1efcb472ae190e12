// Light, dark, or as the system has it; remembered by the browser.
import { computed, effect, signal } from "@preact/signals";

const KEY = "gateway.theme";
const CHOICES = ["auto", "light", "dark"] as const;

export type Choice = (typeof CHOICES)[number];

const system = matchMedia("(prefers-color-scheme: dark)");
const isSystemDark = signal(system.matches);
system.addEventListener("change", (event) => {
  isSystemDark.value = event.matches;
});

/** What was chosen. */
export const choice = signal<Choice>(remembered());
/** What is shown. */
export const theme = computed(() => (choice.value === "auto" ? (isSystemDark.value ? "dark" : "light") : choice.value));

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** The next choice. */
export function turn(): void {
  choice.value = CHOICES[(CHOICES.indexOf(choice.value) + 1) % CHOICES.length] ?? "auto";
  localStorage.setItem(KEY, choice.value);
}

function remembered(): Choice {
  const kept = localStorage.getItem(KEY) as Choice | null;
  return kept && CHOICES.includes(kept) ? kept : "auto";
}
