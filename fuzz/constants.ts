/** Of every account that signs in by name. */
export const PASSWORD = "a long password";
/** Kinds of messages of the product's own that people may send. */
export const PUSHED_KINDS = "poll";
