/**
 * Generates `docs/cli.md` from the help texts of the commands.
 *
 * Run it with `deno task docs:cli` after a change of a help text.
 *
 * @module
 */

import { type CliCommand, COMMON_OPTIONS, type OptionSpec } from "../cli/command.ts";
import { COMMANDS } from "../cli/commands.ts";
import { CONNECTION_OPTIONS } from "../cli/connect.ts";
import { commandUsage, optionUsage, overview, sentence, timeHelp, wrapped } from "../cli/help.ts";
import { formatMarkdownTable } from "../cli/measure/table.ts";

/** The page. */
export const PAGE = new URL("cli.md", import.meta.url);

const HEAD = `# Command line

<!-- Generated from the help texts by "deno task docs:cli": change them, not this page. -->

Every command and option of \`dsmq\`. A default stands in parentheses. How to install the command, and
what holds for all commands (where they read from, standard input and output, signals), is in the
[guide](guide.md#the-command-line); the permissions that Deno needs are
[there](guide.md#permissions-and-the-sqlite-engine), too.`;

/** Generates the text of the page. */
export async function cliReference(): Promise<string> {
  const names = Object.keys(COMMANDS);
  const commands = await Promise.all(names.map((name) => COMMANDS[name]!()));
  const connecting = names.filter((_, i) => connects(commands[i]!)).map((name) => `\`${name}\``);
  return [
    HEAD,
    `\`\`\`text\n${await overview()}\n\`\`\``,
    "## Connecting",
    wrapped(`Options of ${connecting.slice(0, -1).join(", ")} and ${connecting.at(-1)}:`),
    optionTable(CONNECTION_OPTIONS),
    "Every command has these options:",
    optionTable(COMMON_OPTIONS),
    ...commands.flatMap((command, i) => commandSection(names[i]!, command)),
  ].join("\n\n") + "\n";
}

function commandSection(name: string, command: CliCommand): string[] {
  const { usage, summary, options, notes = [] } = command;
  const isConnecting = connects(command);
  const own = Object.fromEntries(
    Object.entries(options).filter(([option, spec]) =>
      !isConnecting || CONNECTION_OPTIONS[option] !== spec
    ),
  );
  return [
    `## dsmq ${name}`,
    `\`\`\`text\n${commandUsage(name, usage)}\n\`\`\``,
    sentence(summary),
    ...(isConnecting ? ["It has the [options for connecting](#connecting)."] : []),
    ...(Object.keys(own).length > 0 ? [optionTable(own)] : []),
    ...[...notes, ...timeHelp(own)].map(wrapped),
  ];
}

function connects({ options }: CliCommand): boolean {
  return options.url === CONNECTION_OPTIONS.url;
}

function optionTable(options: Readonly<Record<string, OptionSpec>>): string {
  const escaped = (text: string) => text.replaceAll("|", "\\|");
  const rows = Object.entries(options).map(([name, spec]) => [
    `\`${escaped(optionUsage(name, spec))}\``,
    escaped(spec.help),
  ]);
  return formatMarkdownTable(["option", "meaning"], rows);
}

if (import.meta.main) await Deno.writeTextFile(PAGE, await cliReference());
