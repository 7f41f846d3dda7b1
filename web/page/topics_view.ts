/**
 * The first view: what passes through the server, and its topics.
 *
 * @module
 */

import { useMemo, useState } from "preact/hooks";
import { isDsmqError, type TopicInfo } from "../../client.ts";
import { Chart } from "./chart.ts";
import { usePage } from "./context.ts";
import { Figures } from "./figures.ts";
import { counted, formatBytes, formatCount } from "./format.ts";
import { html, type View } from "./html.ts";
import { listInterval, MIN_LIST_INTERVAL } from "./list_interval.ts";
import { usePolling } from "./polling.ts";
import { topicHref } from "./router.ts";
import { TopicsTable } from "./topics_table.ts";

/** Figures, charts and topics. */
export function TopicsView(): View {
  const { status: { operation }, history } = usePage();
  return html`
    <h1 class="hidden">Topics</h1>
    ${operation && html`
      <section aria-label="Traffic">
        <${Figures} figures=${[
          ["Messages", formatCount(operation.stored?.messages)],
          ["Stored", formatBytes(operation.stored?.bytes)],
          ["Topics", formatCount(operation.stored?.topics)],
          ["Connections", formatCount(operation.connections.websocket)],
        ]} />
        <div class="charts">
          <${Chart} title="Puts a second" data=${history.puts} version=${operation.uptime} />
          <${Chart} title="Deliveries a second" data=${history.deliveries} version=${operation
            .uptime} />
        </div>
      </section>
    `}
    <${TopicList} />
  `;
}

function TopicList(): View {
  const { mq, status, isBroken, topicList } = usePage();
  const [topics, setTopics] = useState(topicList.topics);
  const [problem, setProblem] = useState<string>();
  const [filter, setFilter] = useState(topicList.filter);
  const [interval, setInterval] = useState(MIN_LIST_INTERVAL);
  const mayList = status.permissions.read.length > 0;
  usePolling(async () => {
    if (isBroken || !mayList) return MIN_LIST_INTERVAL;
    try {
      const list = await mq.topics();
      const { rates } = topicList;
      rates.update(list.map(({ topic, stored }) => [topic, stored]), performance.now());
      topicList.topics = list;
      setTopics(topicList.topics);
      setProblem(undefined);
      const next = listInterval(list.length);
      setInterval(next);
      return next;
    } catch (error) {
      if (!isDsmqError(error)) throw error;
      setProblem(error.message);
      return 5000;
    }
  }, [mq, isBroken, mayList]);
  const shown = useMemo(() => {
    const wanted = filter.toLowerCase();
    return wanted === ""
      ? topics
      : topics?.filter(({ topic }) => topic.toLowerCase().includes(wanted));
  }, [topics, filter]);
  const onKeyDown = ({ key, isComposing }: KeyboardEvent) => {
    if (key === "Enter" && !isComposing && filter !== "") location.hash = topicHref(filter);
  };
  const isKnown = topics?.some(({ topic }) => topic === filter);
  return html`
    <section class="topics" aria-label="List of topics">
      <div class="bar">
        <input type="search" aria-label="Find or open a topic" placeholder="Find or open a topic"
          value=${filter} onKeyDown=${onKeyDown} onInput=${(event: InputEvent) =>
            setFilter(topicList.filter = (event.target as HTMLInputElement).value)} />
        ${filter !== "" && !isKnown &&
          html`<a class="open" href=${topicHref(filter)}>Open <bdi>${filter}</bdi></a>`}
        <p class="help">${topics && summary(topics, shown!, interval)}</p>
      </div>
      ${problem !== undefined && html`<p class="problem" role="alert">${problem}</p>`}
      ${!mayList
        ? html`<p class="empty">You may not list topics. Enter the name of one to open it.</p>`
        : topics === undefined
        ? problem === undefined && html`<p class="empty">Loading…</p>`
        : topics.length === 0
        ? html`
          <p class="empty">There are no messages. What is put shows up here: <code>${exampleCommand()}</code></p>
        `
        : shown!.length === 0
        ? html`<p class="empty">No topic has this in its name.</p>`
        : html`<${TopicsTable} topics=${shown!} now=${status.time} />`}
    </section>
  `;
}

function summary(
  topics: readonly TopicInfo[],
  shown: readonly TopicInfo[],
  interval: number,
): string {
  const count = shown.length === topics.length
    ? counted(topics.length, "topic")
    : `${formatCount(shown.length)} of ${counted(topics.length, "topic")}`;
  return interval < 1500 ? count : `${count}, read every ${Math.round(interval / 1000)} s`;
}

/** A command that puts something into this server. */
function exampleCommand(): string {
  const { protocol, host, hostname, port, pathname } = location;
  const isDefault = ["localhost", "127.0.0.1"].includes(hostname) && port === "30008" &&
    pathname === "/";
  const url = `${protocol === "https:" ? "wss" : "ws"}://${host}${pathname.replace(/\/$/, "")}`;
  return `dsmq put ${isDefault ? "" : `--url ${url} `}greetings hello`;
}
