/** Where an event stands: its number in its stream, and its position in the whole log. */
export interface Place {
  readonly seq: number;
  readonly pos: number;
}

/** Before every event. */
export const NOWHERE: Place = { seq: 0, pos: 0 };
