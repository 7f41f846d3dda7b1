/**
 * One group: what its jobs are, and those that are dead.
 *
 * @module
 */

import { useState } from "preact/hooks";
import { type GroupInfo, isDsmqError } from "../../client.ts";
import { usePage } from "./context.ts";
import { DeadJobs } from "./dead_jobs.ts";
import { DeleteGroupDialog } from "./delete_group_dialog.ts";
import { Figures } from "./figures.ts";
import { formatAge, formatCount, UNKNOWN } from "./format.ts";
import { type GroupRef, targetName, targetOf } from "./group_name.ts";
import { html, type View } from "./html.ts";
import { isAllowed, isAllowedForAll } from "./permissions.ts";
import { usePolling } from "./polling.ts";
import { topicHref } from "./router.ts";

/** The view of a group. */
export function GroupView({ name }: { readonly name: GroupRef }): View {
  const { mq, status, isBroken } = usePage();
  const [info, setInfo] = useState<GroupInfo | null>();
  const [problem, setProblem] = useState<string>();
  const [isDeleting, setDeleting] = useState(false);
  const { target, isPrefix, group } = name;
  const may = (what: "work" | "admin") =>
    isPrefix ? isAllowedForAll(status, what, target) : isAllowed(status, what, target);
  const [mayWork, mayDelete] = [may("work"), may("admin")];
  const maySee = mayWork || mayDelete;
  usePolling(async () => {
    if (isBroken || !maySee) return 1000;
    try {
      const found = await mq.groups(targetOf(name));
      setInfo(found.find((one) => one.group === group) ?? null);
      setProblem(undefined);
      return 1000;
    } catch (error) {
      if (!isDsmqError(error)) throw error;
      setProblem(error.message);
      return 5000;
    }
  }, [mq, isBroken, maySee]);
  const shownTarget = html`<bdi>${targetName(name)}</bdi>`;
  return html`
    <div class="group-view">
      <div class="title">
        <div>
          <h1><bdi>${group}</bdi></h1>
          <p class="help">Works on ${isPrefix
            ? html`all topics ${shownTarget}`
            : html`the topic <a href=${topicHref(target)}>${shownTarget}</a>`}</p>
        </div>
        ${info && mayDelete && html`
          <button class="danger" onClick=${() => setDeleting(true)}>Delete…</button>
        `}
      </div>
      ${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
      ${!maySee
        ? html`<p class="empty">You may not work on this, nor administer it.</p>`
        : info === undefined
        ? problem === undefined && html`<p class="empty">Loading…</p>`
        : info === null
        ? html`<p class="empty">There is no such group. Its first worker makes it.</p>`
        : html`
          <${GroupFigures} info=${info} now=${status.time} />
          ${mayWork
            ? html`<${DeadJobs} name=${name} info=${info} />`
            : html`<p class="empty">Dead jobs are for those who may work on this.</p>`}
        `}
      ${info && isDeleting && html`
        <${DeleteGroupDialog} name=${name} info=${info} onClose=${() => setDeleting(false)} />
      `}
    </div>
  `;
}

function GroupFigures({ info, now }: { readonly info: GroupInfo; readonly now: number }): View {
  const { oldest, stalled } = info;
  const counts = (names: readonly [title: string, name: keyof GroupInfo & string][]) =>
    names.map(([title, name]) => [title, formatCount(info[name] as number)] as const);
  return html`
    ${stalled && html`
      <p class="problem"
        role="status">Stalled: it takes no new messages, for it has as many unfinished jobs as it may have.</p>
    `}
    <${Figures} figures=${[
      ...counts([["Waiting", "depth"]]),
      ["Oldest", oldest === undefined ? UNKNOWN : formatAge(now - oldest)],
      ...counts([
        ["Held", "held"],
        ["Dead", "dead"],
        ["Workers", "workers"],
        ["To be retried or delayed", "delayed"],
        ["Behind their key", "blocked"],
      ]),
    ]} />
    <${Figures} figures=${counts([
      ["Claimed", "claimed"],
      ["Done", "done"],
      ["Tried again", "retried"],
      ["Died", "died"],
      ["Given up", "givenUp"],
    ])} />
  `;
}
