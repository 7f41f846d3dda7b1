/**
 * Chooses from where the messages of a topic are shown.
 *
 * @module
 */

import { useState } from "preact/hooks";
import type { Since } from "../../client.ts";
import { html, type View } from "./html.ts";

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

/** Where a message is, in whatever history. */
const POSITION = /^[0-9a-f-]{36}:\d{1,16}$/;

/** The form: what is chosen counts at once, but for what has to be typed. */
export function ReplayForm({ onLive, onReplay }: {
  readonly onLive: () => void;
  readonly onReplay: (since: Since) => void;
}): View {
  const [choice, setChoice] = useState(0);
  const [problem, setProblem] = useState<string>();
  const from = CHOICES[choice]![1];
  const choose = (event: Event) => {
    const index = Number((event.target as HTMLSelectElement).value);
    const from = CHOICES[index]![1];
    setChoice(index);
    setProblem(undefined);
    if (from === "live") onLive();
    else if (from === "start") onReplay("start");
    else if (typeof from === "number") onReplay({ ago: from });
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setProblem(undefined);
    const text = (new FormData(event.target as HTMLFormElement).get("from") as string).trim();
    if (from === "time") {
      const time = new Date(text);
      if (Number.isNaN(time.getTime())) setProblem("Enter a date and a time.");
      else onReplay(time);
    } else if (/^\d{1,15}$/.test(text)) onReplay(Number(text));
    else if (POSITION.test(text)) onReplay(text);
    else setProblem("Enter the number of a message, or its position.");
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
        <input name="from" aria-label="Number or position" placeholder="Number or position" required />
      `}
      ${(from === "time" || from === "position") && html`<button>Go</button>`}
      ${problem !== undefined && html`<span class="problem" role="alert">${problem}</span>`}
    </form>
  `;
}
