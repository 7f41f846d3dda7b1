/**
 * JSON for people: indented, and otherwise as it is. What a number, a string or a name says is not touched, since
 * `JSON.stringify(JSON.parse(text))` would change large numbers and drop repeated names.
 *
 * @module
 */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * Indents JSON.
 *
 * @param text any text
 * @returns the same JSON on several lines; `undefined` if it is no object and no array
 */
export function prettyJson(text: string): string | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
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
      parts.push("\n", "  ".repeat(depth));
    }
    parts.push(token === ":" ? ": " : token);
    if (token === "{" || token === "[") depth++;
    previous = token;
  }
  return parts.join("");
}
