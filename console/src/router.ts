// One URL per view and per thing opened: #/tail?user=u-1&id=….
import { signal } from "@preact/signals";

/** The views, in the order of their links. */
export const VIEWS = {
  flow: "Flow",
  tail: "Tail",
  dead: "Dead letters",
  translate: "Translate",
  config: "Config",
} as const;

export type View = keyof typeof VIEWS;
type Params = Record<string, string | undefined>;

interface Place {
  view: View;
  params: Record<string, string>;
}

/** Where the page is. */
export const place = signal<Place>(parsed());

addEventListener("hashchange", () => {
  place.value = parsed();
});

/** The address of a view. */
export function href(view: View, params: Params = {}): string {
  const given = Object.entries(params).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

/** Go there; what was typed into a filter replaces the place rather than adding one to the history. */
export function go(view: View, params: Params = {}, replace = false): void {
  const to = href(view, params);
  if (to === location.hash) {
    return;
  }
  if (replace) {
    history.replaceState(null, "", to);
    place.value = parsed();
  } else {
    location.hash = to;
  }
}

/** The same view with some parameters changed. */
export function change(params: Params, replace = false): void {
  go(place.value.view, { ...place.value.params, ...params }, replace);
}

function parsed(): Place {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const view = Object.hasOwn(VIEWS, path) ? (path as View) : "flow";
  return { view, params: Object.fromEntries(new URLSearchParams(query)) };
}
