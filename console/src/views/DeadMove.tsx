// Replay and discard: a dry run says how many, a button does it, a thousand at a time, until no more are left.
import { useEffect, useState } from "preact/hooks";
import { worded, write } from "../api";
import { count, many } from "../format";
import { Ask } from "../parts/Ask";
import { Failure } from "../parts/Bits";
import { gatewayNow } from "../stream";

export type Word = "replay" | "discard";

/** Which dead letters, as the API takes it. */
export interface Chosen {
  ids?: number[];
  target?: string;
  reason?: string;
  before?: number;
  all?: boolean;
}

/** Asks whether those chosen are to be sent again or forgotten. */
export type AskToMove = (word: Word, chosen: Chosen, what: string) => void;

interface Moved {
  replayed?: number;
  discarded?: number;
  would?: number;
  more?: boolean;
}

interface Props {
  word: Word;
  chosen: Chosen;
  what: string;
  onClose: (isDone: boolean) => void;
}

/** The question. What dies after it was asked is not meant. */
export function Move({ word, chosen, what, onClose }: Props) {
  const [bounded] = useState<Chosen>(() => (chosen.ids ? chosen : { ...chosen, before: gatewayNow() }));
  const [would, setWould] = useState<number | null>(null);
  const [done, setDone] = useState<number | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const failed = (error: unknown) => setFailure(worded(error));
  useEffect(() => {
    move(word, { ...bounded, dry_run: true })
      .then((told) => setWould(told.would ?? 0))
      .catch(failed);
  }, [word, bounded]);
  const act = async () => {
    setBusy(true);
    setDone(0);
    await moveAll(word, bounded, setDone).catch(failed);
    setBusy(false);
  };
  const isReady = would !== null && would > 0 && (done === null || isBusy);
  const name = word === "replay" ? "Replay" : "Discard";
  return (
    <Ask
      title={`${name} ${what}`}
      act={isReady ? `${name} ${count(would)}` : undefined}
      isGrave={word === "discard"}
      isBusy={isBusy}
      onAct={() => void act()}
      onClose={() => onClose((done ?? 0) > 0)}
    >
      <p>{would === null ? "Dry run…" : dry(word, would)}</p>
      {done !== null && <p class="done">{`${many(done, "letter")} ${word}ed${isBusy ? " so far…" : "."}`}</p>}
      <Failure text={failure} />
    </Ask>
  );
}

function dry(word: Word, would: number): string {
  if (would === 0) {
    return "Dry run: there is none any more.";
  }
  const letters = many(would, "letter");
  return word === "replay"
    ? `Dry run: ${letters} would be sent again, each to its own target, with today's configuration.`
    : `Dry run: ${letters} would be forgotten for good. This cannot be undone.`;
}

async function moveAll(word: Word, chosen: Chosen, tell: (sum: number) => void): Promise<void> {
  let sum = 0;
  for (let more = true; more; ) {
    const told = await move(word, chosen);
    sum += told.replayed ?? told.discarded ?? 0;
    more = told.more ?? false;
    tell(sum);
  }
}

function move(word: Word, asked: Chosen & { dry_run?: boolean }): Promise<Moved> {
  return word === "replay"
    ? write<Moved>("POST", "/api/deadletters/replay", asked)
    : write<Moved>("DELETE", "/api/deadletters", asked);
}
