/** A value that changes, in the form that `useSyncExternalStore(view.subscribe, view.getSnapshot)` takes. */
export interface View<T> {
  /** `listener` is called after each change. @returns the function that ends it */
  readonly subscribe: (listener: () => void) => () => void;
  /** The same object until something in it changes. */
  readonly getSnapshot: () => T;
}
