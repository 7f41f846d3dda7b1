/**
 * What the system, and the host of a virtual machine, would add to the results.
 *
 * Where a scheduler happens to put both ends of a connection on one core, a round trip takes a third of the
 * time. So servers are pinned to the first core, and the measuring process to the second.
 *
 * A core of a virtual machine that has nothing to do is given back to the host: to wake it takes up to 20 µs, or
 * nothing, as the host pleases. And a page of memory that the host has yet to give was seen to take 10 µs, in
 * which dsmq stores thirty messages; as the page of a program that ended shortly before, a quarter of that.
 *
 * @module
 */

/** The cores of servers and client. */
const CORES = { servers: "0", client: "1" } as const;

/** Is busy until the process that is its argument is gone, or for ten minutes. */
const BUSY = "ulimit -t 600; " +
  'while kill -0 "$1" 2>/dev/null; do i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; done';

/** How much memory a work needs at most, in bytes, and which part of what there is may be asked for. */
const MEMORY = { max: 2 ** 30, part: 1 / 4 };

let pinning: Promise<boolean> | undefined;
let canIdleOnce: Promise<boolean> | undefined;

/** Whether servers and this process have cores of their own; from the first call on they have. */
function pin(): Promise<boolean> {
  return pinning ??= canRun(
    "taskset cannot be used: nothing is pinned to a core, ratios of times say less",
    ["taskset", "-c", CORES.servers, "true"],
    ["taskset", "-a", "-p", "-c", CORES.client, `${Deno.pid}`],
  );
}

/** Whether a process can be had run when nobody else wants to. */
function canIdle(): Promise<boolean> {
  return canIdleOnce ??= canRun(
    "chrt cannot be used: cores rest between calls, which makes ratios of times vary",
    ["chrt", "--idle", "0", "true"],
  );
}

/** Runs commands; says what it means if one of them fails. */
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

/** The command that runs a server where it belongs; this process goes to its own core. */
export async function onServerCore(command: readonly string[]): Promise<readonly string[]> {
  return await pin() ? ["taskset", "-c", CORES.servers, ...command] : command;
}

/**
 * Commands that keep the cores awake, one each: they run when nobody else wants to.
 *
 * Not for where all is busy anyway: on some machines the two are halves of one core.
 */
export async function busyCommands(): Promise<readonly (readonly string[])[]> {
  if (!(await pin() && await canIdle())) return [];
  const busy = ["sh", "-c", BUSY, "sh", `${Deno.pid}`];
  const idle = ["chrt", "--idle", "0"];
  return Object.values(CORES).map((core) => [...idle, "taskset", "-c", core, ...busy]);
}

/** A command that has the host give memory for a part of a full work, and leaves it to those who come next. */
export function memoryCommand(scale: number): readonly string[] {
  const { available } = Deno.systemMemoryInfo();
  const bytes = Math.floor(Math.min(MEMORY.max * scale, MEMORY.part * available));
  return [Deno.execPath(), "eval", `new Uint8Array(${bytes}).fill(1)`];
}

/** What holds for all that is measured here, in sentences. */
export async function conditions(): Promise<readonly string[]> {
  return [
    await pin()
      ? "Servers are pinned to one core, the client to the other."
      : "Nothing is pinned to a core.",
    await pin() && await canIdle()
      ? "Where calls go one at a time, both cores are kept awake."
      : "Cores rest between calls.",
    "Memory is touched before much is to be kept.",
  ];
}
