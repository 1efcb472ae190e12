// A question before something is moved: what would happen first, then the button that does it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  title: string;
  children: ComponentChildren;
  /** The words on the button that does it; none while it cannot be done. */
  act?: string | undefined;
  isGrave?: boolean;
  isBusy?: boolean;
  onAct: () => void;
  onClose: () => void;
}

/** The browser's own modal dialog, which keeps the focus and closes on Escape. */
export function Ask({ title, children, act, isGrave, isBusy, onAct, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby="ask-title" onClose={onClose}>
      <h2 id="ask-title">{title}</h2>
      <div class="ask-body" aria-live="polite">
        {children}
      </div>
      <div class="ask-acts">
        <button type="button" onClick={onClose}>
          {act ? "Cancel" : "Close"}
        </button>
        {act && (
          <button type="button" class={isGrave ? "grave" : "main"} disabled={isBusy} onClick={onAct}>
            {act}
          </button>
        )}
      </div>
    </dialog>
  );
}
