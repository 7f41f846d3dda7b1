/**
 * A server with metrics, whose text a test reads without HTTP.
 *
 * @module
 */

import type { ListeningServer } from "../../server/listening_server.ts";
import type { ServeOptions } from "../../server.ts";
import { connect } from "@dsmq/server";
import { parseServeOptions, start } from "../../server/start/start.ts";
import { TLS_OPTION_NAMES } from "../../server/auth_options.ts";
import { valueOf } from "./metrics_text.ts";
import { quiet } from "./open_server.ts";
import { withTimeout } from "./with_timeout.ts";

/** Serves on any free port, without a log, and with metrics. */
export function openMeasured(options: ServeOptions = {}): Promise<ListeningServer> {
  const all = { port: 0, log: quiet, metrics: true, ...options };
  return start(parseServeOptions(all), TLS_OPTION_NAMES);
}

/** These values of a server now, in order. */
export async function valuesOf(
  { metrics }: ListeningServer,
  ...samples: string[]
): Promise<(number | undefined)[]> {
  const text = await metrics!.text();
  return samples.map((sample) => valueOf(text, sample));
}

/** Waits until these values of a server are so. */
export async function reach(
  server: ListeningServer,
  expected: Readonly<Record<string, number>>,
): Promise<void> {
  const samples = Object.keys(expected);
  const isReached = async () =>
    (await valuesOf(server, ...samples)).every((value, i) => value === expected[samples[i]!]);
  const reached = (async () => {
    while (!await isReached()) await new Promise((resolve) => setTimeout(resolve, 1));
  })();
  await withTimeout(reached);
}

/** Makes a group of a topic, which has a job, and one of a prefix: with these there are all labels. */
export async function openGroups(url: string, token?: string): Promise<void> {
  await using mq = await connect(url, token === undefined ? {} : { token });
  await mq.put("mails", "one");
  await mq.createGroup("mails", { since: "start" });
  await mq.createGroup({ prefix: "other" });
}
