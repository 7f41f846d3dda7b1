/**
 * What each server loads when it starts, in one go: for a program that does nothing else than serve. One after the other,
 * as for those that may never serve, takes a millisecond longer.
 *
 * @module
 */

import "../warm_up.ts";
import "../../stores/engines/load_engine.ts";
import "../../stores/memory_store.ts";
