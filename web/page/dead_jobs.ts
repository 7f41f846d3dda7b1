/**
 * The dead jobs of a group: why they died, and how they are worked again.
 *
 * @module
 */

import { useEffect, useState } from "preact/hooks";
import { type DeadJobInfo, type GroupInfo, isDsmqError } from "../../client.ts";
import { usePage } from "./context.ts";
import { counted, formatAge, formatCount } from "./format.ts";
import { type GroupRef, targetOf } from "./group_name.ts";
import { html, type View } from "./html.ts";
import { MessageDialog } from "./message_dialog.ts";

/** At most so many are shown: those of the oldest messages. */
const SHOWN = 100;

/** So much of a text and of a reason is drawn, in characters. */
const DRAWN = 300;

/** The list. It is read again when the group says that it has changed. */
export function DeadJobs({ name, info }: {
  readonly name: GroupRef;
  readonly info: GroupInfo;
}): View {
  const { mq, status } = usePage();
  const [jobs, setJobs] = useState<readonly DeadJobInfo[]>();
  const [problem, setProblem] = useState<string>();
  const [result, setResult] = useState("");
  const [busy, setBusy] = useState(false);
  const [opened, setOpened] = useState<DeadJobInfo>();
  const { group } = name;
  useEffect(() => {
    let isOver = false;
    firstOf(mq.deadJobs(targetOf(name), { group }), SHOWN).then((found) => {
      if (isOver) return;
      setJobs(found);
      setProblem(undefined);
    }, (error) => {
      if (!isOver) setProblem((error as Error).message);
    });
    return () => {
      isOver = true;
    };
  }, [mq, info.dead, info.died]);
  const redrive = async (seq?: number) => {
    setBusy(true);
    setProblem(undefined);
    try {
      const redriven = await mq.redrive(targetOf(name), {
        group,
        ...(seq !== undefined && { seq }),
      });
      setResult(`${counted(redriven, "job")} put back to be worked again`);
    } catch (error) {
      if (!isDsmqError(error)) throw error;
      setProblem(error.message);
    } finally {
      setBusy(false);
    }
  };
  const isPart = info.dead > SHOWN;
  return html`
    <section class="dead-list" aria-label="Dead jobs">
      <div class="bar">
        <h2>Dead jobs</h2>
        <button disabled=${busy || info.dead === 0} onClick=${() =>
          redrive()}>Redrive all ${formatCount(info.dead)}</button>
        <p class="help" role="status">${result ||
          (isPart && `The oldest ${SHOWN} of ${formatCount(info.dead)}`)}</p>
      </div>
      ${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
      ${jobs === undefined
        ? problem === undefined && html`<p class="empty">Loading…</p>`
        : jobs.length === 0
        ? html`<p class="empty">No job is dead.</p>`
        : html`
          <ul class="dead-jobs">
            ${jobs.map((job) =>
              html`
                <${Job} key=${job.seq} job=${job} isNamed=${name.isPrefix} busy=${busy}
                  now=${status.time} onOpen=${() => setOpened(job)} onRedrive=${() =>
                    redrive(job.seq)} />
              `
            )}
          </ul>
        `}
      ${opened && html`
        <${MessageDialog} topic=${opened.topic} kept=${{
          ...opened,
          position: `${status.epoch}:${opened.seq}`,
          isCut: false,
        }} onClose=${() => setOpened(undefined)} />
      `}
    </section>
  `;
}

function Job({ job, isNamed, busy, now, onOpen, onRedrive }: {
  readonly job: DeadJobInfo;
  readonly isNamed: boolean;
  readonly busy: boolean;
  readonly now: number;
  readonly onOpen: () => void;
  readonly onRedrive: () => void;
}): View {
  const { seq, topic, body, reason, attempt, at } = job;
  const age = formatAge(now - at);
  return html`
    <li>
      <div class="what">
        <p><bdi>${cut(reason) || "Nobody has said why."}</bdi></p>
        <p class="help">Message ${seq}${isNamed && html`
          of <bdi>${topic}</bdi>
        `}, died ${age === "now" ? "now" : `${age} ago`}, ${counted(attempt, "attempt")}</p>
        <p class="text">${body === ""
          ? html`<span class="none">empty</span>`
          : html`<bdi>${cut(body)}</bdi>`}</p>
      </div>
      <div class="buttons">
        <button aria-label=${`Show message ${seq}`} onClick=${onOpen}>Show</button>
        <button disabled=${busy} aria-label=${`Redrive message ${seq}`}
          onClick=${onRedrive}>Redrive</button>
      </div>
    </li>
  `;
}

function cut(text: string): string {
  return text.length > DRAWN ? `${text.slice(0, DRAWN)}…` : text;
}

/** The first ones of a list that is fetched as it is read. */
async function firstOf<T>(all: AsyncIterable<T>, count: number): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const one of all) {
    found.push(one);
    if (found.length === count) break;
  }
  return found;
}
