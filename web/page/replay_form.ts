/**
 * Chooses from where the messages of a topic are shown.
 *
 * @module
 */

import { useState } from "preact/hooks";
import { usePage } from "./context.ts";
import { html, type View } from "./html.ts";
import { numberBefore } from "./time_position.ts";

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

/** The form: what is chosen counts at once, but for what has to be typed. */
export function ReplayForm({ topic, onLive, onReplay }: {
  readonly topic: string;
  readonly onLive: () => void;
  readonly onReplay: (after: string) => void;
}): View {
  const { mq } = usePage();
  const [choice, setChoice] = useState(0);
  const [problem, setProblem] = useState<string>();
  const from = CHOICES[choice]![1];
  const replaySince = async (time: Date | { readonly ago: number }) => {
    try {
      const after = await numberBefore(mq, topic, time);
      if (after === undefined) setProblem("There is no message since then.");
      else onReplay(after);
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const choose = (event: Event) => {
    const index = Number((event.target as HTMLSelectElement).value);
    const from = CHOICES[index]![1];
    setChoice(index);
    setProblem(undefined);
    if (from === "live") onLive();
    else if (from === "start") onReplay("start");
    else if (typeof from === "number") void replaySince({ ago: from });
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setProblem(undefined);
    const text = (new FormData(event.target as HTMLFormElement).get("from") as string).trim();
    if (from === "time") {
      const time = new Date(text);
      if (Number.isNaN(time.getTime())) setProblem("Enter a date and a time.");
      else void replaySince(time);
    } else if (isPosition(text)) onReplay(text);
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

/** A number of the present history, or a position with its epoch. */
function isPosition(text: string): boolean {
  return /^(?:[0-9a-f-]{36}:)?\d{1,16}$/.test(text);
}
