"use strict";
// tables can be sorted by any column, and the long one searched; without this script all is still there
(() => {
  const value = (row, column) => row.cells[column].textContent;
  const units = { ms: 1e-3, s: 1 };
  function key(text) {
    const found = /^([\d.,]+(?:e[+-]?\d+)?)(?: (ms|s))?(?: of .*)?$/.exec(text);
    return found ? Number(found[1].replaceAll(",", "")) * (found[2] ? units[found[2]] : 1) : NaN;
  }
  function compare(a, b) {
    const [x, y] = [key(a), key(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a.localeCompare(b);
    return x - y;
  }
  function sort(heading, column) {
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = heading.closest("table").tBodies[0];
    const rows = [...body.rows].sort((a, b) => (ascending ? 1 : -1) * compare(value(a, column), value(b, column)));
    body.append(...rows);
  }
  for (const heading of document.querySelectorAll("thead th")) {
    const button = document.createElement("button");
    button.textContent = heading.textContent;
    button.type = "button";
    heading.replaceChildren(button);
    button.addEventListener("click", () => sort(heading, heading.cellIndex));
  }
  const search = document.getElementById("search"), shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll("#runs tbody tr")];
  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      count += !row.hidden;
    }
    shown.textContent = `${count} of ${rows.length} runs`;
  }
  if (search) {
    search.parentNode.hidden = false;
    search.addEventListener("input", filter);
    filter();
  }
})();
