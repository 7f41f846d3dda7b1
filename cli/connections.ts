/**
 * `dsmq connections` and `dsmq disconnect`.
 *
 * @module
 */

import type { ConnectionInfo } from "../client.ts";
import { type CliCommand, EXIT_CODE } from "./command.ts";
import { connectFromArguments, CONNECTION_OPTIONS } from "./connect.ts";
import { json, outputLost, print, printLine, waitForSpace, watchOutput } from "./terminal.ts";

/** The heads of the table, and what is below each. */
const COLUMNS: readonly (readonly [head: string, cell: (info: ConnectionInfo) => string])[] = [
  ["ID", ({ id }) => id],
  ["SINCE", ({ connectedAt }) => new Date(connectedAt).toISOString().slice(0, 19) + "Z"],
  ["ADDRESS", ({ address }) => address],
  ["TOKEN", ({ identity }) => identity.slice(0, 12) || "-"],
  ["PERMISSIONS", ({ permissions }) => permissions.join() || "-"],
  ["SUBSCRIPTIONS", ({ subscriptions }) => String(subscriptions)],
  ["UNREAD", ({ unreadBytes }) => String(unreadBytes)],
  ["", ({ own }) => own ? "this command" : ""],
];

/** `dsmq connections`. */
export const connectionsCommand: CliCommand = {
  usage: "",
  summary: "list the connections of a server, its own among them (permission admin)",
  options: {
    ...CONNECTION_OPTIONS,
    json: { help: "print each as a line of JSON; own marks that of this command" },
  },
  positionals: [0, 0],
  async run(args) {
    using _ = watchOutput();
    await using mq = await connectFromArguments(args, undefined, { signal: outputLost });
    const connections = await mq.connections();
    if (args.flag("json")) {
      for (const info of connections) {
        print(json(info));
        await waitForSpace();
      }
      return EXIT_CODE.ok;
    }
    const rows = [
      COLUMNS.map(([head]) => head),
      ...connections.map((info) => COLUMNS.map(([, cell]) => cell(info))),
    ];
    const widths = COLUMNS.map((_, column) =>
      rows.reduce((width, row) => Math.max(width, row[column]!.length), 0)
    );
    for (const row of rows) {
      printLine(row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
      await waitForSpace();
    }
    return EXIT_CODE.ok;
  },
};

/** `dsmq disconnect`. */
export const disconnectCommand: CliCommand = {
  usage: "ID",
  summary: "close a connection; its client may come back (permission admin)",
  options: CONNECTION_OPTIONS,
  positionals: [1, 1],
  async run(args) {
    await using mq = await connectFromArguments(args, undefined, {});
    await mq.disconnect(args.positionals[0]!);
    return EXIT_CODE.ok;
  },
};
