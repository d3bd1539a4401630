// The table of classes: sorted and searched as a whole, shown a page at a time.
const ROWS_SHOWN = 100;

function classTable(section, { rows, orbit, columns }) {
  const body = section.querySelector("tbody"), status = section.querySelector("[role=status]");
  const headings = [...section.querySelectorAll("th")], search = section.querySelector("input[type=search]");
  const [previous, next] = section.querySelectorAll(".pages button");
  const whole = (x) => x.toLocaleString("en");
  let order = Uint32Array.from({ length: rows }, (_, row) => row), matching = order, first = 0;
  let sorted = { column: -1, descending: false };

  function cell(row, column) {
    const { by, values } = columns[column];
    if (values === null) return row;
    return values[by === "orbit" && orbit !== null ? orbit[row] : row];
  }

  const collator = new Intl.Collator("en", { numeric: true });
  function compareCells(a, b) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return a - b;
    return collator.compare(String(a), String(b));
  }

  function sort(column) {
    const isNumber = column > 0 && typeof cell(0, column) === "number";
    sorted = { column, descending: sorted.column === column ? !sorted.descending : isNumber };
    const sign = sorted.descending ? -1 : 1, keys = Array.from({ length: rows }, (_, row) => cell(row, column));
    order = Uint32Array.from({ length: rows }, (_, row) => row).sort((a, b) => {
      if (keys[a] === null || keys[b] === null) return compareCells(keys[a], keys[b]) || a - b; // no number: last
      return sign * compareCells(keys[a], keys[b]) || a - b;
    });
    headings.forEach((heading, i) => {
      heading.ariaSort = i !== column ? "none" : sorted.descending ? "descending" : "ascending";
    });
    find();
  }

  function find() {
    const wanted = search.value.trim().toLowerCase();
    matching = wanted === "" ? order : order.filter((row) => String(cell(row, 0)).toLowerCase().includes(wanted));
    first = 0;
    show();
  }

  function show() {
    const last = Math.min(first + ROWS_SHOWN, matching.length);
    body.replaceChildren(...Array.from(matching.subarray(first, last), line));
    const found = matching.length === rows ? whole(rows) : `${whole(matching.length)} found of ${whole(rows)}`;
    status.textContent = matching.length ? `Rows ${whole(first + 1)} to ${whole(last)} of ${found}` : "No class is called so";
    previous.disabled = first === 0;
    next.disabled = last >= matching.length;
  }

  function line(row) {
    const made = document.createElement("tr");
    columns.forEach((_, column) => {
      const data = document.createElement(column === 0 ? "th" : "td"), value = cell(row, column);
      if (column === 0) data.scope = "row";
      const isCount = Number.isInteger(value) && column > 0;
      data.textContent = value === null ? "–" : isCount ? whole(value) : String(value).replace(/^-(?=\d)/, column ? "−" : "-");
      made.append(data);
    });
    return made;
  }

  headings.forEach((heading, column) => heading.firstChild.addEventListener("click", () => sort(column)));
  for (const button of [previous, next]) {
    button.addEventListener("click", () => {
      first += ROWS_SHOWN * Number(button.dataset.step);
      show();
      section.querySelector(".classes").scrollTop = 0;
      if (button.disabled) (button === previous ? next : previous).focus();
    });
  }
  search.addEventListener("input", find);
  find();
}
