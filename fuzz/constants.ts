/** The password of every account that signs in by name. */
export const PASSWORD = "a long password";
/** The product's own kinds of messages that people may send. */
export const PUSHED_KINDS = "poll";
