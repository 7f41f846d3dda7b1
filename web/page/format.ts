/**
 * Numbers, sizes, durations and times for people. English, like the rest of the page.
 *
 * @module
 */

/** What stands for a number that nobody knows. */
export const UNKNOWN = "–";

/** A count, such as `12,345`. */
export function formatCount(count: number | undefined): string {
  return count === undefined ? UNKNOWN : grouped(count);
}

/** A whole number, in groups of three digits. (`Intl` takes some 10 ms when a page first uses it.) */
function grouped(number: number): string {
  return number.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** So many a second: with a decimal below 10. */
export function formatRate(rate: number | undefined): string {
  if (rate === undefined) return UNKNOWN;
  if (rate < 0.05) return "0";
  return rate < 9.95 ? rate.toFixed(1) : grouped(rate);
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A size, such as `1.5 MiB`. */
export function formatBytes(bytes: number | undefined): string {
  if (bytes === undefined) return UNKNOWN;
  let [size, unit] = [bytes, 0];
  // What would be shown as 1,024 is one of the next unit.
  for (; size >= 1023.5 && unit < SIZES.length - 1; unit++) size /= 1024;
  return `${unit > 0 && size < 9.95 ? size.toFixed(1) : grouped(size)} ${SIZES[unit]}`;
}

const UNITS: readonly [name: string, milliseconds: number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
];

/** A duration in its two largest units, such as `2 h 5 min`; below a minute in seconds. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.max(0, Math.round(milliseconds / 1000)) * 1000;
  const parts: string[] = [];
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0 s";
}

/** How long ago something was, in its largest unit. */
export function formatAge(milliseconds: number): string {
  if (milliseconds < 1000) return "now";
  const [name, size] = UNITS.find(([, size]) => milliseconds >= size)!;
  return `${Math.floor(milliseconds / size)} ${name}`;
}

const pad = (number: number, digits = 2) => `${number}`.padStart(digits, "0");

/** A time of the day to the millisecond, where the page is read. */
export function formatTime(time: number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => pad(n)).join(
    ":",
  );
  return `${clock}.${pad(date.getMilliseconds(), 3)}`;
}

/** Hour and minute of a time in seconds, as charts have it. */
export function formatMinute(seconds: number): string {
  return formatTime(seconds * 1000).slice(0, 5);
}

/** A date and a time. */
export function formatDate(time: number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${formatTime(time)}`;
}

/** A count with its noun, such as `1 message` or `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}
