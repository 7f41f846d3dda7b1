/**
 * Describes the machine, and saves the results.
 *
 * @module
 */

import { VERSION } from "@dsmq/server";
import { formatMarkdownTable } from "../cli/measure/table.ts";
import { loadEngine } from "../stores/engines/load_engine.ts";
import { natsServer } from "../tools/nats_server.ts";
import { cells, type Graded, HEAD } from "./row.ts";

/** The results of a run. */
export interface Results {
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  /** How it was measured. */
  readonly conditions: readonly string[];
  readonly rows: readonly Graded[];
}

/** Describes the machine in a few words. */
export async function machine(): Promise<string> {
  const info = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const cpu = /^model name\s*: (.*)$/m.exec(info)?.[1] ?? Deno.build.arch;
  return `${navigator.hardwareConcurrency} cores (${cpu}), ${Deno.build.os}`;
}

/** The versions of the software that took part. */
export async function versions(peers: boolean): Promise<Record<string, string>> {
  return {
    dsmq: VERSION,
    Deno: Deno.version.deno,
    engine: (await loadEngine("auto")).name,
    ...(peers && {
      "redis-server": await version("redis-server"),
      "nats-server": await version(natsServer()),
      bullmq: await bullVersion(),
    }),
  };
}

/**
 * Saves a report beside the programs.
 *
 * @param name the name of the file, without `.md`
 * @param title its heading
 * @param command the command that has written it
 * @param report Markdown
 */
export async function saveReport(
  name: string,
  title: string,
  command: string,
  report: string,
): Promise<void> {
  const { dsmq, Deno: deno, engine } = await versions(false);
  const software = `Deno ${deno}, dsmq ${dsmq}, ${engine}`;
  const page =
    `# ${title}\n\nWritten by \`${command}\` on ${await machine()}, ${software}.\n\n${report}\n`;
  await Deno.writeTextFile(new URL(`${name}.md`, import.meta.url), page);
}

async function version(program: string): Promise<string> {
  try {
    const { stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
    return /\d+(\.\d+)+/.exec(new TextDecoder().decode(stdout))?.[0] ?? "unknown";
  } catch {
    return "none";
  }
}

async function bullVersion(): Promise<string> {
  // It does not export its version.
  const { default: { version } } = await import("bullmq/package.json", { with: { type: "json" } });
  return version;
}

/** Saves the results beside the programs. */
export async function saveResults(
  { machine, versions, conditions, rows }: Results,
  command: string,
): Promise<void> {
  const software = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const day = new Date().toISOString().slice(0, 10);
  const page = `# Results

Written by \`${command}\` on ${day}, on ${machine}, with ${software.join(", ")}.

${
    conditions.map((sentence) => `- ${sentence}\n`).join("")
  }- The rounds of dsmq and the baselines alternate; figures are medians of the rounds unless they are p99.
- Messages are plain ASCII of 64 bytes unless the row says otherwise.
- Absolute figures are those of this machine; ratios carry over to others.
- Plain HTTP has figures of its own: [http.md](http.md).

${formatMarkdownTable(HEAD, rows.map(cells))}
`;
  await Deno.writeTextFile(new URL("results.md", import.meta.url), page);
}
