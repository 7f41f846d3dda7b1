/**
 * Keeps influences of the system, and of the host of a virtual machine, out of the results.
 *
 * If the scheduler happens to put both ends of a connection on one core, a round trip takes a third of the time. So
 * servers are pinned to the first core, and the measuring process to the second.
 *
 * An idle core of a virtual machine returns to the host, and waking it takes up to 20 µs, or nothing. And a page of
 * memory that the host has not provided yet was seen to take 10 µs, in which dsmq stores thirty messages; a page that a
 * program has just freed takes a quarter of that.
 *
 * @module
 */

/** The cores of the servers and of the client. */
const CORES = { servers: "0", client: "1" } as const;

/** A busy loop, until the process with the given id has ended, or for ten minutes. */
const BUSY = "ulimit -t 600; " +
  'while kill -0 "$1" 2>/dev/null; do i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; done';

/** The most memory that a scenario needs, in bytes, and the fraction of the available memory that may be used. */
const MEMORY = { max: 2 ** 30, part: 1 / 4 };

let pinning: Promise<boolean> | undefined;
let canIdleOnce: Promise<boolean> | undefined;

/** Pins this process to its core at the first call. Returns whether pinning works. */
function pin(): Promise<boolean> {
  return pinning ??= canRun(
    "taskset cannot be used: nothing is pinned to a core, so ratios of times are less reliable",
    ["taskset", "-c", CORES.servers, "true"],
    ["taskset", "-a", "-p", "-c", CORES.client, `${Deno.pid}`],
  );
}

/** Whether a process can run with idle priority. */
function canIdle(): Promise<boolean> {
  return canIdleOnce ??= canRun(
    "chrt cannot be used: cores are idle between calls, so ratios of times vary more",
    ["chrt", "--idle", "0", "true"],
  );
}

/** Runs commands; prints the warning if one of them fails. */
async function canRun(warning: string, ...commands: readonly string[][]): Promise<boolean> {
  try {
    for (const [program, ...args] of commands) {
      const command = new Deno.Command(program!, { args, stdout: "null", stderr: "null" });
      const { success } = await command.output();
      if (!success) throw new Error(`${program} failed`);
    }
    return true;
  } catch {
    console.error(warning);
    return false;
  }
}

/** The command that runs a server on its core. This process goes to the other core. */
export async function onServerCore(command: readonly string[]): Promise<readonly string[]> {
  return await pin() ? ["taskset", "-c", CORES.servers, ...command] : command;
}

/**
 * Commands that keep the cores awake, one for each core, with idle priority.
 *
 * Not for scenarios that keep the cores busy anyway: on some machines the two are halves of one core.
 */
export async function busyCommands(): Promise<readonly (readonly string[])[]> {
  if (!(await pin() && await canIdle())) return [];
  const busy = ["sh", "-c", BUSY, "sh", `${Deno.pid}`];
  const idle = ["chrt", "--idle", "0"];
  return Object.values(CORES).map((core) => [...idle, "taskset", "-c", core, ...busy]);
}

/** A command that touches memory, so that the host provides it, and then frees it for the next processes. */
export function memoryCommand(scale: number): readonly string[] {
  const { available } = Deno.systemMemoryInfo();
  const bytes = Math.floor(Math.min(MEMORY.max * scale, MEMORY.part * available));
  return [Deno.execPath(), "eval", `new Uint8Array(${bytes}).fill(1)`];
}

/** The conditions of all measurements, in sentences. */
export async function conditions(): Promise<readonly string[]> {
  return [
    await pin()
      ? "Servers are pinned to one core, the client to the other."
      : "Nothing is pinned to a core.",
    await pin() && await canIdle()
      ? "Where calls go one at a time, both cores are kept awake."
      : "Cores are idle between calls.",
    "Memory is touched before much is stored.",
  ];
}
