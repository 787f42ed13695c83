// Sorting and filtering; the tables are complete and in order without it.
"use strict";
(() => {
  const text = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  function key(row, column) {
    const cell = row.cells[column];
    return cell.dataset.sort ?? cell.textContent.trim();
  }

  function sort(table, header, ascending) {
    const column = header.cellIndex;
    const numeric = header.dataset.type === "number";
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const [x, y] = [key(a, column), key(b, column)];
      // no number is neither small nor large: it stands last either way
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = numeric ? Number(x) - Number(y) : text.compare(x, y);
      return ascending ? order : -order;
    });
    table.tBodies[0].append(...rows);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  }

  function sortable(element) {
    for (const table of element.querySelectorAll("table.sortable")) {
      for (const header of table.tHead.rows[0].cells) {
        if (!header.dataset.type) continue;
        const button = document.createElement("button");
        button.type = "button";
        // a link to the glossary stays a link: no button may hold one
        button.append(...[...header.childNodes].filter((node) => !node.classList?.contains("term")));
        header.prepend(button);
        button.addEventListener("click", () => sort(table, header, header.getAttribute("aria-sort") !== "ascending"));
      }
    }
  }
  sortable(document);
  document.addEventListener("mlip-zoo-added", (event) => sortable(event.detail)); // a result that was unfolded

  for (const box of document.querySelectorAll("input[data-filter]")) {
    const rows = [...document.getElementById(box.dataset.filter).tBodies[0].rows];
    const count = document.querySelector(`output[data-count="${CSS.escape(box.dataset.filter)}"]`);
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const found = words.every((word) => row.textContent.toLowerCase().includes(word));
        row.hidden = !found;
        shown += found;
      }
      count.value = words.length ? `${shown} of ${rows.length}` : "";
    });
    box.parentElement.hidden = false;
  }
})();
