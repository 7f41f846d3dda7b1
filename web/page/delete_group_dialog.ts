/**
 * Deletes a group, once it is sure that this is meant.
 *
 * @module
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { GroupInfo } from "../../client.ts";
import { usePage } from "./context.ts";
import { Dialog } from "./dialog.ts";
import { counted } from "./format.ts";
import { GROUP_ADDRESS, type GroupRef, targetName, targetOf } from "./group_name.ts";
import { html, type View } from "./html.ts";

/** The dialog. */
export function DeleteGroupDialog({ name, info, onClose }: {
  readonly name: GroupRef;
  readonly info: GroupInfo;
  readonly onClose: () => void;
}): View {
  const { mq } = usePage();
  const [isDeleting, setDeleting] = useState(false);
  const [problem, setProblem] = useState<string>();
  // The button that destroys nothing gets the focus.
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), []);
  const { group } = name;
  const remove = async () => {
    setDeleting(true);
    try {
      await mq.deleteGroup(targetOf(name), { group });
      onClose();
      location.hash = GROUP_ADDRESS.replace(/\/$/, "");
    } catch (error) {
      setDeleting(false);
      setProblem((error as Error).message);
    }
  };
  const { depth, held, dead } = info;
  const shown = html`<bdi>${group}</bdi> of <bdi>${targetName(name)}</bdi>`;
  return html`
    <${Dialog} title=${html`Delete ${shown}`} onClose=${onClose}>
      <p>Delete the group ${shown}? It forgets ${counted(
        depth + held,
        "job",
      )} that ${depth + held === 1 ? "is" : "are"} not done, and ${counted(
        dead,
        "dead job",
      )}; its workers end. The messages stay in the topic for its readers, and for other groups.</p>
      ${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
      <div class="buttons">
        <button class="danger" disabled=${isDeleting} onClick=${remove}>Delete the group</button>
        <button ref=${keep} disabled=${isDeleting} onClick=${onClose}>Keep it</button>
      </div>
    <//>
  `;
}
