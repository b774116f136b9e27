// Reading the table of an answer back from the page: labels, links and numbers are there already, as the server wrote them.

/** @typedef {{text: string, href: string, number: number|null}} Cell */
/** @typedef {{heads: string[], rows: Cell[][]}} Table */

/** Read the table in an answer. @returns {Table|null} */
export function readTable(answer) {
  const table = answer.querySelector("table");
  if (!table) return null;
  const heads = [...table.querySelectorAll("thead th")].map((th) => th.textContent.trim());
  const rows = [...table.querySelectorAll("tbody tr")].map((tr) => [...tr.children].map(readCell));
  return { heads, rows: rows.filter((row) => row.length === heads.length) };
}

/** Return the columns that hold numbers, and those that hold words. */
export function sortColumns({ heads, rows }) {
  const numeric = heads.map((_, column) => {
    const filled = rows.filter((row) => row[column].text);
    return filled.length > 0 && filled.every((row) => row[column].number !== null);
  });
  const columns = heads.map((_, column) => column);
  return { numbers: columns.filter((c) => numeric[c]), words: columns.filter((c) => !numeric[c]) };
}

function readCell(td) {
  const link = td.querySelector("a[href]");
  const shown = (link ?? td.querySelector("span") ?? td).textContent.trim();
  const bare = shown.replace(/[\u00a0\u202f]/g, "");
  const number = td.classList.contains("r") && /^-?\d+(\.\d+)?$/.test(bare) ? Number(bare) : null;
  return { text: shown, href: link?.getAttribute("href") ?? "", number };
}
