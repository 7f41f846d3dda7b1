/**
 * The CPU time of a process.
 *
 * @module
 */

/**
 * Reads the CPU time of a process and all its threads, user and system.
 *
 * @param pid the process
 * @returns milliseconds; exact where the kernel keeps statistics of its scheduler and no thread has ended, else in steps
 * of ten
 */
export async function processorTime(pid: number): Promise<number> {
  const [exact, all] = [await scheduled(pid), await ticks(pid)];
  return Math.max(exact ?? 0, all);
}

/** The scheduler's statistics of each thread. They do not count a thread that has ended. */
async function scheduled(pid: number): Promise<number | undefined> {
  const threads = `/proc/${pid}/task`;
  let nanoseconds = 0;
  try {
    for await (const { name } of Deno.readDir(threads)) {
      const statistics = await Deno.readTextFile(`${threads}/${name}/schedstat`);
      nanoseconds += Number(statistics.split(" ")[0]);
    }
  } catch {
    return undefined;
  }
  return nanoseconds > 0 ? nanoseconds / 1e6 : undefined;
}

/** In steps of ten milliseconds, with the threads that have ended. */
async function ticks(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // Fields 14 and 15 of proc(5), in hundredths of a second; field 2, a name, may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
