// One thing opened beside a list: takes the focus, and Escape closes it.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Inert, spelled } from "./Inert";

interface Props {
  title: string;
  /** Where closing leads. */
  back: string;
  children: ComponentChildren;
}

/** The panel; it hears of Escape from the moment in which it is seen. */
export function Panel({ title, back, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    heading.current?.focus();
    return () => (before instanceof HTMLElement && before.isConnected ? before.focus() : undefined);
  }, []);
  useLayoutEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
        location.hash = back;
      }
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [back]);
  return (
    <aside class="panel card" aria-label={spelled(title, 200)}>
      <div class="panel-head">
        <h2 ref={heading} tabIndex={-1}>
          <Inert text={title} cut={200} />
        </h2>
        <a class="close" href={back} title="Close">
          <span aria-hidden="true">✕</span>
          <span class="sr">Close</span>
        </a>
      </div>
      {children}
    </aside>
  );
}
