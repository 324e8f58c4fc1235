/** A value that changes, such as `useSyncExternalStore(view.subscribe, view.getSnapshot)` takes it. */
export interface View<T> {
  /** `listener` is called after each change. @returns its end */
  readonly subscribe: (listener: () => void) => () => void;
  /** The same object until something in it is different. */
  readonly getSnapshot: () => T;
}
