/**
 * What text may be a token. None is ever shown, also not one that is invalid: it may be a token with a slip in it.
 *
 * @module
 */

/** The most characters of a token. */
const MAX_TOKEN_LENGTH = 1024;

/** What a token has to be, for an error. */
export const TOKEN_FORM = `1 to ${MAX_TOKEN_LENGTH} visible characters of ASCII`;

/**
 * Says what is wrong with a token, without showing it.
 *
 * @param token what was given
 * @returns such as `one that ends with a newline`; `undefined` if it can be one
 */
export function tokenProblem(token: string): string | undefined {
  if (token === "") return "an empty text";
  // Whatever is looked for is not far from the ends, and most is not looked at.
  const end = /[\r\n]$/.test(token) ? "a newline" : /\s$/.test(token) ? "a space" : undefined;
  if (end !== undefined) return `one that ends with ${end}`;
  if (/^\s/.test(token)) return "one that begins with a space";
  if (/[\r\n]/.test(token)) return "one of several lines";
  if (/\s/.test(token)) return "one with a space in it";
  if (/[^\x21-\x7e]/.test(token)) return "one with other characters";
  return token.length > MAX_TOKEN_LENGTH ? `one of ${token.length} characters` : undefined;
}
