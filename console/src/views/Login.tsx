// The login: the admin token for a session of this browser.
import { useState } from "preact/hooks";
import { locked, Problem, worded, write } from "../api";
import { Failure } from "../parts/Bits";

/** The form; `onDone` when the gateway let us in. */
export function Login({ onDone }: { onDone: () => void }) {
  const [token, setToken] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  const enter = async () => {
    try {
      await write("POST", "/api/login", { token });
      locked.value = false;
      onDone();
    } catch (error) {
      setFailure(error instanceof Problem && error.status === 401 ? "That is not the token." : worded(error));
    }
  };
  return (
    <main class="login">
      <form
        class="card"
        aria-labelledby="login-title"
        onSubmit={(event) => {
          event.preventDefault();
          void enter();
        }}
      >
        <h1 id="login-title">Interaction Gateway</h1>
        <p class="soft">
          This gateway asks for its admin token, which stands at <code>[admin] token</code> in its configuration.
        </p>
        <label>
          Admin token
          <input
            type="password"
            autocomplete="current-password"
            required
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <Failure text={failure} />
        <button type="submit" class="main">
          Log in
        </button>
      </form>
    </main>
  );
}
