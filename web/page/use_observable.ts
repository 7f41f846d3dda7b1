/**
 * A value that changes, in a component.
 *
 * @module
 */

import { useEffect, useState } from "preact/hooks";
import type { Observable } from "./observable.ts";

/** The present value, for a component that is drawn again when it changes. */
export function useObservable<T>(observable: Observable<T>): T {
  const [, redraw] = useState({});
  useEffect(() => observable.follow(() => redraw({})), [observable]);
  return observable.value;
}
