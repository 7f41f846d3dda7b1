/**
 * One topic: its messages as they come, or again from some point on; and to put and to purge.
 *
 * @module
 */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Since, TopicInfo } from "../../client.ts";
import { usePage } from "./context.ts";
import { Figures } from "./figures.ts";
import { formatAge, formatBytes, formatCount, formatRate, UNKNOWN } from "./format.ts";
import { html, type View } from "./html.ts";
import { MessageDialog } from "./message_dialog.ts";
import { useObservable } from "./use_observable.ts";
import { usePolling } from "./polling.ts";
import { PurgeDialog } from "./purge_dialog.ts";
import { PutForm } from "./put_form.ts";
import { ReplayForm } from "./replay_form.ts";
import { isAllowed } from "./permissions.ts";
import { TopicTail } from "./tail.ts";
import { TailList } from "./tail_list.ts";
import type { KeptMessage } from "./tail_rows.ts";
import { tailText } from "./tail_text.ts";
import { topicName } from "./topic_name.ts";
import { Rates } from "./traffic.ts";
import { pageClock } from "./until_visible.ts";

/** The view of a topic. */
export function TopicView({ topic }: { readonly topic: string }): View {
  const { status } = usePage();
  const [isPurging, setPurging] = useState(false);
  return html`
    <div class="topic-view">
      <div class="title">
        <h1><bdi>${topicName(topic)}</bdi></h1>
        ${isAllowed(status, "admin", topic) && html`
          <button class="danger" onClick=${() => setPurging(true)}>Purge…</button>
        `}
      </div>
      ${isAllowed(status, "read", topic)
        ? html`<${ReadTopic} topic=${topic} />`
        : html`<p class="empty">You may not read this topic.</p>`}
      ${isAllowed(status, "write", topic) && html`<${PutForm} topic=${topic} />`}
      ${isPurging && html`<${PurgeDialog} topic=${topic} onClose=${() => setPurging(false)} />`}
    </div>
  `;
}

/** What is known of a topic, and its messages. */
function ReadTopic({ topic }: { readonly topic: string }): View {
  const { api, mq } = usePage();
  const tail = useMemo(() => new TopicTail({ mq, api, topic, clock: pageClock }), [mq, api, topic]);
  const { isSampling, error } = useObservable(tail.state);
  const isReader = !isSampling && error === undefined;
  return html`
    <${TopicFigures} topic=${topic} isReader=${isReader} />
    <${Messages} topic=${topic} tail=${tail} />
  `;
}

function TopicFigures({ topic, isReader }: {
  readonly topic: string;
  /** This page is one of its readers. */
  readonly isReader: boolean;
}): View {
  const { api, status, isBroken } = usePage();
  const [info, setInfo] = useState<TopicInfo | null>();
  const rates = useRef(new Rates());
  usePolling(async (signal) => {
    if (isBroken) return 1000;
    const found = await api.topic(topic, signal);
    rates.current.update([[topic, found ? found.stored : 0]], performance.now());
    setInfo(found ?? null);
    return 1000;
  }, [api, topic, isBroken]);
  return html`
    <${Figures} figures=${[
      ["Puts/s", formatRate(rates.current.of(topic))],
      ["Messages", formatCount(info === null ? 0 : info?.messages)],
      ["Size", formatBytes(info === null ? 0 : info?.bytes)],
      [isReader ? "Readers, with this page" : "Readers", formatCount(info?.readers)],
      ["Newest", info === null ? "none" : info ? formatAge(status.time - info.time) : UNKNOWN],
    ]} />
  `;
}

function Messages({ topic, tail }: {
  readonly topic: string;
  readonly tail: TopicTail;
}): View {
  const { isBroken } = usePage();
  const state = useObservable(tail.state);
  const [filter, setFilter] = useState("");
  const [opened, setOpened] = useState<KeptMessage>();
  const onFilter = ({ target }: InputEvent) => {
    const { value } = target as HTMLInputElement;
    setFilter(value);
    tail.filter(value);
  };
  useEffect(() => {
    tail.filter(filter);
    tail.live();
    return () => tail.stop();
  }, [tail]);
  return html`
    <section class="messages" aria-label="Messages">
      <div class="bar">
        <input type="search" aria-label="Filter the messages" placeholder="Filter" value=${filter}
          onInput=${onFilter} />
        <button aria-pressed=${state.isPaused} onClick=${() =>
          state.isPaused ? tail.resume() : tail.pause()}>${state.isPaused
          ? "Resume"
          : "Pause"}</button>
        <button onClick=${() => tail.clear()}>Clear</button>
        <${ReplayForm} onLive=${() => tail.live()} onReplay=${(since: Since) =>
          tail.replay(since)} />
        <p class="help" role="status">${isBroken ? "No connection" : tailText(state)}</p>
      </div>
      ${state.error !== undefined && html`<p class="problem" role="alert">${state.error}</p>`}
      <${TailList} state=${state} filter=${filter} isOpened=${opened !== undefined}
        onMore=${() => tail.more()} onOpen=${setOpened} />
      ${opened &&
        html`<${MessageDialog} topic=${topic} kept=${opened} onClose=${() =>
          setOpened(undefined)} />`}
    </section>
  `;
}
