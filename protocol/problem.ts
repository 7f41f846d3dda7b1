/**
 * Errors of plain HTTP as problems, RFC 9457: JSON that programs read, with a sentence for people.
 *
 * @module
 */

/** The media type of a problem. */
export const PROBLEM_TYPE = "application/problem+json";

/** The reason phrases of the statuses that are used, RFC 9110 and 6585. */
const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  417: "Expectation Failed",
  421: "Misdirected Request",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
  507: "Insufficient Storage",
};

/**
 * The body of a response that says what went wrong.
 *
 * @param status the status of the response; the title is its reason phrase, if it is one of those above
 * @param code a code of `protocol/error_codes.ts`
 * @param detail one sentence about this occurrence, without a line end
 * @param more further members, such as the limit that was exceeded; they cannot replace the ones above
 * @returns one line of JSON with its line end, of the type {@linkcode PROBLEM_TYPE}
 */
export function problemJson(
  status: number,
  code: string,
  detail: string,
  more: object = {},
): string {
  const known = { type: "about:blank", title: TITLES[status], status, code, detail };
  return `${JSON.stringify({ ...known, ...more, ...known })}\n`;
}
