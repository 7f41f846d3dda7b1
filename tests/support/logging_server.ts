/**
 * A server whose log a test reads: as events, and as the lines that the command line and a program would see.
 *
 * @module
 */

import type { ServeOptions, Server } from "../../server.ts";
import type { LogEvent } from "../../queue/log_event.ts";
import { textSink } from "../../server/log.ts";
import { jsonLine } from "../../server/log_line.ts";
import { parseServeOptions, start } from "../../server/start/start.ts";

/** A server, and what it has logged. */
export interface LoggingServer extends AsyncDisposable {
  readonly server: Server;
  readonly events: LogEvent[];
  /** Stops it, so that it writes what is pending, and returns everything that was logged, as text and as JSON. */
  readonly end: () => Promise<{ readonly text: string; readonly json: string }>;
}

/** Serves on any free port. */
export async function openLogging(options: ServeOptions = {}): Promise<LoggingServer> {
  const events: LogEvent[] = [];
  const settings = parseServeOptions({ port: 0, ...options });
  // Before any of them are left out because there are too many.
  const log = {
    write: (event: LogEvent) => void events.push(event),
    dropped: 0,
    suppressed: 0,
    stop: () => Promise.resolve(),
  };
  const server = await start({ ...settings, log }, { cert: "cert", key: "key" });
  const end = async () => {
    await server.shutdown();
    const text: string[] = [];
    const write = (...data: unknown[]) =>
      void text.push(
        data.map((value) => typeof value === "string" ? value : Deno.inspect(value)).join(" "),
      );
    events.forEach(textSink({ info: write, warn: write, error: write }));
    const json = events.map((event) => jsonLine(event, 0));
    return { text: text.join("\n"), json: json.join("\n") };
  };
  return { server, events, end, [Symbol.asyncDispose]: () => server.shutdown() };
}
