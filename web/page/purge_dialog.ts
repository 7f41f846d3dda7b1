/**
 * Purges a topic. It asks twice: which messages, and whether that is meant.
 *
 * @module
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { PurgeOptions } from "../../client.ts";
import { usePage } from "./context.ts";
import { Dialog } from "./dialog.ts";
import { counted } from "./format.ts";
import { html, type View } from "./html.ts";

/** What can be purged, and since when messages stay. */
const CHOICES: readonly [name: string, options: PurgeOptions][] = [
  ["all messages", {}],
  ["messages older than 1 minute", { before: { ago: 60_000 } }],
  ["messages older than 10 minutes", { before: { ago: 600_000 } }],
  ["messages older than 1 hour", { before: { ago: 3_600_000 } }],
  ["messages older than 1 day", { before: { ago: 86_400_000 } }],
];

type Step = { readonly kind: "choose" | "confirm" | "purging" } | {
  readonly kind: "done" | "failed";
  readonly text: string;
};

/** The dialog. */
export function PurgeDialog({ topic, onClose }: {
  readonly topic: string;
  readonly onClose: () => void;
}): View {
  const { mq } = usePage();
  const [choice, setChoice] = useState(0);
  const [step, setStep] = useState<Step>({ kind: "choose" });
  const [what, options] = CHOICES[choice]!;
  const purge = async () => {
    setStep({ kind: "purging" });
    try {
      const purged = await mq.purge(topic, options);
      setStep({ kind: "done", text: `${counted(purged, "message")} purged.` });
    } catch (error) {
      setStep({ kind: "failed", text: (error as Error).message });
    }
  };
  // The button that had the focus is gone: the one that destroys nothing gets it.
  const next = useRef<HTMLElement>(null);
  const focused = useRef(step.kind);
  useEffect(() => {
    if (focused.current !== step.kind) next.current?.focus();
    focused.current = step.kind;
  }, [step.kind]);
  const name = html`<bdi>${topic}</bdi>`;
  return html`
    <${Dialog} title=${html`Purge ${name}`} onClose=${onClose}>
      ${step.kind === "choose" && html`
        <fieldset>
          <legend>What to purge</legend>
          ${CHOICES.map(([what], i) =>
            html`
              <label><input type="radio" name="purge" checked=${i === choice} onChange=${() =>
                setChoice(i)} /> ${what}</label>
            `
          )}
        </fieldset>
        <div class="buttons"><button ref=${next} onClick=${() =>
          setStep({ kind: "confirm" })}>Continue</button></div>
      `}
      ${(step.kind === "confirm" || step.kind === "purging") && html`
        <p>Purge ${what} of ${name}? They are gone for every reader, and nothing brings them back.</p>
        <div class="buttons">
          <button class="danger" disabled=${step.kind ===
            "purging"} onClick=${purge}>Purge ${what}</button>
          <button ref=${next} disabled=${step.kind === "purging"} onClick=${() =>
            setStep({ kind: "choose" })}>Back</button>
        </div>
      `}
      ${"text" in step &&
        html`<p class=${
          step.kind === "failed" ? "problem" : ""
        } role="status" tabindex="-1" ref=${next}>${step.text}</p>`}
    <//>
  `;
}
