/**
 * Chooses from where the messages of a topic are shown.
 *
 * @module
 */

import { useState } from "preact/hooks";
import type { Since } from "../../client.ts";
import { html, type View } from "./html.ts";
import { positionIn } from "./typed_position.ts";

const MINUTE = 60_000;

/** From where, as the list of choices has it; a number is so many milliseconds ago. */
const CHOICES: readonly [name: string, from: "live" | "start" | number | "time" | "position"][] = [
  ["Live", "live"],
  ["From the oldest", "start"],
  ["From 1 minute ago", MINUTE],
  ["From 5 minutes ago", 5 * MINUTE],
  ["From 1 hour ago", 60 * MINUTE],
  ["From a time", "time"],
  ["After a position", "position"],
];

/** The form: what is chosen counts at once, but for what has to be typed. The browser says what is wrong with that. */
export function ReplayForm({ onLive, onReplay }: {
  readonly onLive: () => void;
  readonly onReplay: (since: Since) => void;
}): View {
  const [choice, setChoice] = useState(0);
  const from = CHOICES[choice]![1];
  const choose = (event: Event) => {
    const index = Number((event.target as HTMLSelectElement).value);
    const from = CHOICES[index]![1];
    setChoice(index);
    if (from === "live") onLive();
    else if (from === "start") onReplay("start");
    else if (typeof from === "number") onReplay({ ago: from });
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const text = (new FormData(event.target as HTMLFormElement).get("from") as string).trim();
    if (from === "time") return onReplay(new Date(text));
    const position = positionIn(text);
    if (position !== undefined) onReplay(position);
  };
  return html`
    <form class="replay" onSubmit=${submit}>
      <select aria-label="From where" value=${choice} onChange=${choose}>
        ${CHOICES.map(([name], i) => html`<option value=${i}>${name}</option>`)}
      </select>
      ${from === "time" && html`
        <input name="from" type="datetime-local" step="1" aria-label="Time" required />
      `}
      ${from === "position" && html`
        <input name="from" aria-label="Number or position" placeholder="Number or position" required
          onInput=${({ target }: InputEvent) => checkPosition(target as HTMLInputElement)} />
      `}
      ${(from === "time" || from === "position") && html`<button>Go</button>`}
    </form>
  `;
}

/** The browser says what is wrong, where it is typed, and moves nothing. */
function checkPosition(input: HTMLInputElement): void {
  const isWrong = positionIn(input.value) === undefined;
  input.setCustomValidity(isWrong ? "Enter the number of a message, or its position." : "");
}
