/** The part of the package that makes a code; its whole also brings what draws one, which `svgPath` does here. */
declare module "qrcode/lib/core/qrcode.js" {
  export { create } from "qrcode";
}
