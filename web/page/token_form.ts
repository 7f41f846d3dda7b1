/**
 * Asks for a token.
 *
 * @module
 */

import { useEffect, useRef, useState } from "preact/hooks";
import { html, type View } from "./html.ts";

/** What a token may be: protocol.md. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** The form. */
export function TokenForm({ reason, isOptional, onToken }: {
  /** What is wrong with the token that was given last. */
  readonly reason: string | undefined;
  /** The server lets in those without a token, too. */
  readonly isOptional: boolean;
  /** Takes the token; `undefined`: to go on without one. */
  readonly onToken: (token: string | undefined) => void;
}): View {
  const [problem, setProblem] = useState(reason);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const token = new FormData(event.target as HTMLFormElement).get("token") as string;
    if (TOKEN.test(token.trim())) return onToken(token.trim());
    setProblem("A token is 1 to 8192 visible ASCII characters, without spaces.");
  };
  return html`
    <form class="panel" onSubmit=${submit}>
      <h1>${isOptional ? "Enter a token" : "This server needs a token"}</h1>
      <label for="token">Token</label>
      <input id="token" name="token" type="password" autocomplete="off" spellcheck=${false}
        ref=${input} aria-invalid=${problem !==
          undefined} required aria-describedby="token-help token-problem" />
      <p id="token-help" class="help">It is kept for this tab, until you close it.</p>
      <p id="token-problem" class="problem" role="alert">${problem}</p>
      <div class="buttons">
        <button class="main">Connect</button>
        ${isOptional && html`
          <button type="button" onClick=${() => onToken(undefined)}>Go on without a token</button>
        `}
      </div>
    </form>
  `;
}
