// A part of the page that scrolls by itself and can be reached by keyboard for it.
import type { ComponentChildren } from "preact";

interface Props {
  label: string;
  kind?: string;
  children: ComponentChildren;
}

/** The region. */
export function Scroll({ label, kind = "scroll", children }: Props) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class={kind} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
