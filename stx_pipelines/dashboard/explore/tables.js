// Tables that a reader can sort, and that show the rows of the chosen time range.
(() => {
  const SIGNS = { none: "↕", ascending: "↑", descending: "↓" };
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
  const DECIMAL = /^-?\d+(\.\d+)?$/;

  // Exact amounts are texts of digits. They are compared as whole numbers of 10^-18, never as rounded ones.
  function exact(text) {
    const [whole, part = ""] = text.replace("-", "").split(".");
    const value = BigInt(whole + part.padEnd(18, "0").slice(0, 18));
    return text[0] === "-" ? -value : value;
  }
  function keys(values) {
    const known = values.filter((value) => value !== null && value !== "");
    if (known.every((value) => typeof value === "string" && DECIMAL.test(value))) return values.map((value) => value === null || value === "" ? null : exact(value));
    return values.map((value) => value === "" ? null : value);
  }
  const compare = (a, b) => typeof a === "string" && typeof b === "string" ? a.localeCompare(b, "en") : a < b ? -1 : a > b ? 1 : 0;

  // A cell of a text table: its exact value if it has one, else its number, which may be followed by words, else its text.
  function valueOf(cell) {
    const text = (cell.dataset.exact ?? (cell.title || cell.textContent)).trim();
    const number = text.replaceAll(",", "").match(/^-?\d+(\.\d+)?(?![\d-])/);
    return number ? number[0] : text === "not known" ? "" : text;
  }

  // `rows` are the exact values, in the order of the table's lines.
  function sortable(table, rows) {
    const body = table.tBodies[0];
    const lines = [...body.rows].map((line, n) => [line, rows[n], n]);
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      const sign = document.createElement("span");
      sign.setAttribute("aria-hidden", "true");
      button.append(sign);
      head.append(button);
      mark(head, "none");
      button.addEventListener("click", () => {
        const order = NEXT[head.getAttribute("aria-sort")];
        heads.forEach((each) => mark(each, each === head ? order : "none"));
        const by = keys(lines.map(([, row]) => row[column]));
        const turn = order === "descending" ? -1 : 1;
        const sorted = order === "none" ? lines : [...lines].sort(([, , a], [, , b]) => {
          if (by[a] === null || by[b] === null) return (by[a] === null) - (by[b] === null) || a - b;
          return turn * compare(by[a], by[b]) || a - b;
        });
        body.append(...sorted.map(([line]) => line));
      });
    });
    return lines;
  }
  function mark(head, order) {
    head.setAttribute("aria-sort", order);
    head.querySelector("button > span:last-child").textContent = ` ${SIGNS[order]}`;
  }

  explore.sortable = sortable;
  explore.onStart(({ page }) => {
    for (const table of document.querySelectorAll(".panel table")) {
      sortable(table, [...table.tBodies[0].rows].map((line) => [...line.cells].map(valueOf)));
    }
    for (const details of document.querySelectorAll("details[data-table]")) {
      const { columns, rows } = page.tables[details.dataset.table];
      const column = explore.timeColumn(columns);
      const place = columns.indexOf(column);
      const chart = details.closest("figure")?.querySelector(".chart")?.dataset.id;
      let lines = null;
      let caption = "";
      const narrow = () => {
        if (!lines || !explore.isOverTime(chart) || !column) return;
        let shown = 0;
        for (const [line, row] of lines) {
          line.hidden = !explore.isIn(column, row[place]);
          shown += !line.hidden;
        }
        details.querySelector("caption").textContent = explore.isChosen()
          ? `${shown.toLocaleString("en")} of ${caption} (time range; the CSV file has all)` : caption;
      };
      details.addEventListener("toggle", () => {
        const table = details.querySelector("table");
        if (!table || lines) return;
        caption = table.caption?.textContent || "";
        lines = sortable(table, rows);
        narrow();
      });
      explore.onRange(narrow);
    }
  });
})();
