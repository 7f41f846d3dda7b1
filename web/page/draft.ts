/**
 * A message that is being written, and what became of it.
 *
 * @module
 */

import type { Connection } from "../../client.ts";
import { type AttributeFields, attributesOf } from "./message_attributes.ts";
import { Observable } from "./observable.ts";
import { keep, readKept } from "./tab_storage.ts";

/** What is typed. */
export interface DraftFields extends AttributeFields {
  readonly body: string;
}

/** A draft as it is now. */
export interface DraftState {
  readonly fields: DraftFields;
  readonly isSending: boolean;
  /** What became of it; `undefined` until it was put. */
  readonly result: { readonly text: string; readonly isProblem: boolean } | undefined;
}

const EMPTY: DraftFields = { body: "", messageId: "", key: "", headers: "", delay: "" };

/** Up to how many characters it is kept for a reload of the page: a tab has room for some millions. */
const MAX_KEPT = 100_000;

/** Those that are being put, by their topics: that goes on while another view is shown. */
const sending = new Map<string, Draft>();

/** The draft of a topic: the one that is being put, or what was typed before. */
export function draftOf(topic: string): Draft {
  return sending.get(topic) ?? new Draft(topic);
}

/** A message that is being written. */
export class Draft {
  readonly state: Observable<DraftState>;
  readonly #topic: string;

  /** Begins with what was kept. */
  constructor(topic: string) {
    this.#topic = topic;
    const fields = parseFields(readKept(this.#name));
    this.state = new Observable<DraftState>({ fields, isSending: false, result: undefined });
  }

  /** Takes what is typed. */
  edit(changed: Partial<DraftFields>): void {
    const fields = { ...this.state.value.fields, ...changed };
    this.#set({ fields });
    const text = JSON.stringify(fields);
    const isEmpty = Object.values(fields).every((value) => value === "");
    keep(this.#name, isEmpty || text.length > MAX_KEPT ? undefined : text);
  }

  /** Puts it, unless that is under way. What is typed meanwhile stays. */
  async put(mq: Pick<Connection, "put">): Promise<void> {
    const { fields, isSending } = this.state.value;
    if (isSending) return;
    sending.set(this.#topic, this);
    this.#set({ isSending: true });
    try {
      const seq = await mq.put(this.#topic, fields.body, attributesOf(fields));
      this.#set({ result: { text: `Stored as message ${seq}`, isProblem: false } });
      const { body } = this.state.value.fields;
      // Above all its ID: a repeated one stores nothing.
      this.edit({ ...EMPTY, ...(body !== fields.body && { body }) });
    } catch (error) {
      this.#set({ result: { text: (error as Error).message, isProblem: true } });
    } finally {
      sending.delete(this.#topic);
      this.#set({ isSending: false });
    }
  }

  get #name(): string {
    return `dsmq-draft:${this.#topic}`;
  }

  #set(changes: Partial<DraftState>): void {
    this.state.value = { ...this.state.value, ...changes };
  }
}

/** What was kept, by whichever version of the page. */
function parseFields(text = "{}"): DraftFields {
  try {
    const kept = Object(JSON.parse(text));
    const names = Object.keys(EMPTY) as (keyof DraftFields)[];
    const known = names.filter((name) => typeof kept[name] === "string");
    return { ...EMPTY, ...Object.fromEntries(known.map((name) => [name, kept[name]])) };
  } catch {
    return EMPTY;
  }
}
