/** Resolves when this many polls hang on a server. */
export async function pollsHang(url: string, count: number): Promise<void> {
  const wanted = `parley_connections{transport="poll"} ${count}\n`;
  for (let turn = 0; !(await (await fetch(`${url}/metrics`)).text()).includes(wanted); turn++) {
    if (turn > 500) throw new Error(`there are not ${count} polls that hang`);
  }
}
