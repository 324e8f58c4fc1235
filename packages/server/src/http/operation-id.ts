/**
 * The name of an operation in generated clients: made from the method and the path, which never change.
 * `PUT /api/v1/rooms/{id}/members/{uid}/role` is `putRoomMemberRole`: a part that an id follows is one thing, and is named in the singular.
 */
export function operationId(method: string, path: string): string {
  const segments = path.replace(/^\/api\/v1\//, "").split("/");
  const words = segments.flatMap((segment, index) => {
    if (isParameter(segment)) return [];
    return (isParameter(segments[index + 1]) ? singular(segment) : segment).split("-");
  });
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function isParameter(segment: string | undefined): boolean {
  return segment?.startsWith("{") ?? false;
}

function singular(segment: string): string {
  return segment.replace(/ies$/, "y").replace(/s$/, "");
}
