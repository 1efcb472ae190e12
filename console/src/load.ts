// What a view asks the gateway for once, again when its key changes, and again when asked.
import { useEffect, useState } from "preact/hooks";
import { isAborted, read, worded } from "./api";

/** A document on its way, here, or failed. */
interface Loaded<T> {
  value: T | null;
  failure: string | null;
  again: () => void;
}

/** The document at a path; null asks for none. What was there stays until the next is. */
export function useLoaded<T>(path: string | null, version: unknown = 0): Loaded<T> {
  const [turn, setTurn] = useState(0);
  const [found, setFound] = useState<{ path: string | null; value: T | null; failure: string | null }>({
    path: null,
    value: null,
    failure: null,
  });
  useEffect(() => {
    if (path === null) {
      return undefined;
    }
    const stop = new AbortController();
    read<T>(path, stop.signal)
      .then((value) => setFound({ path, value, failure: null }))
      .catch((error: unknown) => isAborted(error) || setFound({ path, value: null, failure: worded(error) }));
    return () => stop.abort();
  }, [path, version, turn]);
  const isOther = found.path !== path;
  return {
    value: isOther ? null : found.value,
    failure: isOther ? null : found.failure,
    again: () => setTurn((before) => before + 1),
  };
}
