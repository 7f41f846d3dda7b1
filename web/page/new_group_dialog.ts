/**
 * Makes a group before its first worker comes, so that what is put until then waits for it.
 *
 * @module
 */

import { useState } from "preact/hooks";
import { usePage } from "./context.ts";
import { Dialog } from "./dialog.ts";
import { groupHref, type GroupRef, targetOf } from "./group_name.ts";
import { html, type View } from "./html.ts";

/** The dialog. */
export function NewGroupDialog({ onClose }: { readonly onClose: () => void }): View {
  const { mq } = usePage();
  const [isPrefix, setPrefix] = useState(false);
  const [isMaking, setMaking] = useState(false);
  const [problem, setProblem] = useState<string>();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const text = (name: string) => form.get(name) as string;
    const name: GroupRef = { target: text("target"), isPrefix, group: text("group") };
    setMaking(true);
    setProblem(undefined);
    try {
      const since = text("since") as "start" | "now";
      const created = await mq.createGroup(targetOf(name), { group: name.group, since });
      if (!created) return setProblem("There is a group with this name already.");
      onClose();
      location.hash = groupHref(name);
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setMaking(false);
    }
  };
  const choice = (value: boolean, title: string) =>
    html`
      <label><input type="radio" name="kind" checked=${isPrefix === value} onChange=${() =>
        setPrefix(value)} /> ${title}</label>
    `;
  return html`
    <${Dialog} title="New group" onClose=${onClose}>
      <form onSubmit=${submit}>
        <fieldset>
          <legend>What it works on</legend>
          ${choice(false, "one topic")}
          ${choice(true, "all topics that begin with a text")}
        </fieldset>
        <div class="fields">
          <label>${isPrefix ? "The topics begin with" : "Topic"}
            <input name="target" autocomplete="off" required=${!isPrefix} /></label>
          <label>Name <input name="group" value="default" autocomplete="off" required /></label>
          <label>Begins with
            <select name="since">
              <option value="start">the oldest message that is there</option>
              <option value="now">what is put from now on</option>
            </select></label>
        </div>
        ${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
        <div class="buttons"><button class="main" disabled=${isMaking}>Make the group</button></div>
      </form>
      <//>
  `;
}
