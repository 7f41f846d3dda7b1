/**
 * Things that take turns.
 *
 * @module
 */

/** Something that can be in a ring: in one at a time. */
export interface RingMember<Member> {
  /** The one before it and the one behind it, while it is in a ring. Only {@linkcode Ring} writes these. */
  previous: Member | undefined;
  next: Member | undefined;
}

/** A list without an end, of which adding and removing cost the same at any length. The first one is whose turn is next. */
export class Ring<Member extends RingMember<Member>> {
  #first: Member | undefined;

  /** Nobody is in it. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** Adds one behind all others; one that is in it moves there. */
  add(member: Member): void {
    this.remove(member);
    const first = this.#first ??= member;
    const last = first.previous ?? member;
    member.previous = last;
    member.next = first;
    last.next = member;
    first.previous = member;
  }

  /** Removes one, if it is in it. */
  remove(member: Member): void {
    const { previous, next } = member;
    if (!previous || !next) return;
    previous.next = next;
    next.previous = previous;
    if (this.#first === member) this.#first = next === member ? undefined : next;
    member.previous = member.next = undefined;
  }

  /** All of them, whose turn is next first. The one that was returned last may be removed meanwhile. */
  *[Symbol.iterator](): Generator<Member> {
    for (let member = this.#first, last = false; member && !last;) {
      const { next } = member;
      last = next === this.#first;
      yield member;
      member = next;
    }
  }
}
