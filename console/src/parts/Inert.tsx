// Text that others wrote: shown, never obeyed. Control characters become visible, direction cannot leak, length is cut.
import { useState } from "preact/hooks";

// C0, DEL and C1, soft hyphen, invisible and direction marks, byte order mark, tags, lone surrogates.
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must be shown
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Cs}/u;
const CUT = 400;

interface Props {
  text: string;
  /** How many characters are shown at first. */
  cut?: number;
  /** Whether line breaks are line breaks. */
  lines?: boolean;
}

/** A hostile string, harmless. */
export function Inert({ text, cut = CUT, lines = false }: Props) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole || text.length <= cut * 1.1 ? text : safeCut(text, cut);
  const rest = text.length - shown.length;
  return (
    <>
      <bdi class="inert">{pieces(shown, lines)}</bdi>
      {rest > 0 && (
        <button type="button" class="more" onClick={() => setWhole(true)}>
          … show all ({text.length.toLocaleString("en-US")} characters)
        </button>
      )}
    </>
  );
}

/** The text with every unseen character spelled out, for titles and labels. */
export function spelled(text: string, cut = CUT): string {
  const short = text.length > cut ? `${safeCut(text, cut)}…` : text;
  return split(short)
    .map((piece, index) => (index % 2 ? code(piece) : piece))
    .join("");
}

function pieces(text: string, lines: boolean) {
  if (!UNSEEN.test(text)) {
    return text;
  }
  return split(text).map((piece, index) => {
    if (index % 2 === 0 || (lines && (piece === "\n" || piece === "\t"))) {
      return piece;
    }
    return (
      <span class="unseen" title={`U+${hex(piece)}`}>
        {code(piece)}
      </span>
    );
  });
}

function split(text: string): string[] {
  return text.split(new RegExp(`(${UNSEEN.source})`, "gu"));
}

function code(piece: string): string {
  return `⟨${hex(piece)}⟩`;
}

function hex(piece: string): string {
  return (piece.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

function safeCut(text: string, cut: number): string {
  const isPair = /[\ud800-\udbff]/.test(text[cut - 1] ?? "");
  return text.slice(0, isPair ? cut - 1 : cut);
}
