/** Names a login: the id of its row or, where a token of the product's own made it, which has no row, its person and device. */
export type LoginId = number | ProductLoginId;
export type ProductLoginId = `${number}/${string}`;

/** Whether a token of the product's own made it. */
export function isOfProduct(loginId: LoginId): loginId is ProductLoginId {
  return typeof loginId === "string";
}
