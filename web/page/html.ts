/**
 * Markup in template strings: htm with Preact. What stands in `${}` is text, never markup.
 *
 * @module
 */

import htm from "htm";
import { type ComponentChildren, h, type VNode } from "preact";

/** Makes elements of markup. */
type Html = (strings: TemplateStringsArray, ...values: unknown[]) => VNode | VNode[];

/** The types of htm are those of its form for CommonJS. */
const { bind } = htm as unknown as { bind(this: unknown, create: typeof h): Html };

/** Makes elements. */
export const html: Html = bind.call(htm, h);

/** What a component returns. */
export type View = ComponentChildren;
