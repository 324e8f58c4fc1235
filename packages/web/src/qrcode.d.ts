/** The part of the package that makes a code; the whole package also draws it, which `svgPath` does here. */
declare module "qrcode/lib/core/qrcode.js" {
  export { create } from "qrcode";
}
