/**
 * All that the servers of a fuzzer ever stored.
 *
 * @module
 */

/** Whether a reader of a topic gets messages of another one: `news.*` reads all topics that begin with `news.`. */
export function covers(reader: string, topic: string): boolean {
  return reader.endsWith("*") ? topic.startsWith(reader.slice(0, -1)) : topic === reader;
}

/** A message on record. */
export interface Recorded {
  readonly seq: number;
  readonly topic: string;
  readonly body: string;
  /** When it was stored, by the time of the store. */
  readonly time: number;
  /** The same by the time of the run and by its events. */
  readonly at: number;
  readonly step: number;
  /** What was called up to here was called before it was stored. */
  readonly order: number;
  /** From when on nobody can read it any more, by the time of the run. */
  goneAt: number;
  /** A purge that has removed it was answered: it may not be sent any more. */
  purged?: boolean;
}

/** What a purge has removed. */
export interface RecordedPurge {
  readonly topic: string;
  /** How many messages, as it says. */
  readonly purged: number;
  readonly removed: readonly Recorded[];
}

/** Which gaps a file that was made of a backup may tell though nothing is missing. */
export interface GapDoubt {
  /** The topics that held messages when it was finished, and lost no newer ones meanwhile: of these it knows what is gone. */
  readonly topics: ReadonlySet<string>;
  /** For others as much may be gone as of any topic. */
  readonly through: number;
}

/** Whether a store may say that messages of a reader are gone up to a number though none are. */
export function mayDoubt({ doubt }: Opening, reader: string, through: number): boolean {
  return doubt !== undefined && !doubt.topics.has(reader) && through <= doubt.through;
}

/** A store from its opening to its end. */
export interface Opening {
  readonly number: number;
  /** Its name on the wire. */
  readonly epoch: string;
  /** The same for all openings of one file. */
  readonly store: string;
  /** The last sequence number when it was opened. */
  readonly begin: number;
  /** The openings that it continues, and the last number of each in it. */
  readonly known: ReadonlyMap<number, number>;
  /** All that was ever in it, oldest first. */
  readonly messages: Recorded[];
  /** Purges that are not answered yet. */
  readonly purges: RecordedPurge[];
  last: number;
  readonly openedAt: number;
  /** Its file was made of a backup, which does not tell what is gone of topics without messages. */
  readonly doubt?: GapDoubt | undefined;
  /** When it stored messages while it was closed: what it dropped for them is known when it is opened again. */
  droppedAtEnd?: number;
  /** It was killed: what it still does counts for nobody. */
  killed: boolean;
  /** It is closed, or is being closed. */
  ended?: boolean;
}

/** Everything that was ever stored, by all servers of a run. */
export class Records {
  readonly openings: Opening[] = [];
  /** The number of calls so far. */
  callCount = 0;
  /** By its text: no two messages of a run have the same. */
  readonly messages: Map<string, Recorded> = new Map();
  /** Those that were stored, lost with a history, and stored again in the next one. */
  readonly lost: Recorded[] = [];
  /** A server accepts only a limited amount, and refuses the rest. */
  refuses = false;
  /** No message is ever gone, and all are in one file: so one that has an id may be put again. */
  repeats = false;
  /** A server remembers the puts of sessions only for a short time. */
  forgets = false;
  /** What no server may do. */
  readonly faults: string[] = [];
}
