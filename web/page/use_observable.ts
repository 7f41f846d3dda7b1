/**
 * A value that changes, in a component.
 *
 * @module
 */

import { useEffect, useState } from "preact/hooks";
import type { Observable } from "./observable.ts";

/** The present value, for a component that is drawn again when it changes. */
export function useObservable<T>(observable: Observable<T>): T {
  const { value } = observable;
  const [, redraw] = useState({});
  useEffect(() => {
    // Effects come after drawing, in a hidden tab a second later: it may have changed meanwhile.
    if (!Object.is(observable.value, value)) redraw({});
    return observable.follow(() => redraw({}));
  }, [observable]);
  return value;
}
