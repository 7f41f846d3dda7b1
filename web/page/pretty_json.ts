/**
 * JSON for people: indented, and otherwise as it is. What a number, a string or a name says is not touched, since
 * `JSON.stringify(JSON.parse(text))` would change large numbers and drop repeated names.
 *
 * @module
 */

/** Larger texts stay as they are: to indent and draw them would take long. In characters. */
const MAX_LENGTH = 256 * 1024;

/** Deeper levels are indented no further: the text would grow with the square of the depth. */
const MAX_DEPTH = 32;

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * Indents JSON.
 *
 * @param text any text
 * @returns the same JSON on several lines; `undefined` if it is no object and no array, or very long
 */
export function prettyJson(text: string): string | undefined {
  if (text.length > MAX_LENGTH || !/^\s*[{[]/.test(text)) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const parts: string[] = [];
  let depth = 0;
  let previous = "";
  for (const [token] of text.matchAll(TOKEN)) {
    const closes = token === "}" || token === "]";
    if (closes) depth--;
    const isEmpty = closes && (previous === "{" || previous === "[");
    if (!isEmpty && (closes || previous === "{" || previous === "[" || previous === ",")) {
      parts.push("\n", "  ".repeat(Math.min(depth, MAX_DEPTH)));
    }
    parts.push(token === ":" ? ": " : token);
    if (token === "{" || token === "[") depth++;
    previous = token;
  }
  return parts.join("");
}
