// Multiplies a table's last column by the number that the reader sets above it.
"use strict";
for (const paragraph of document.querySelectorAll(".factor")) {
  const box = paragraph.querySelector("input");
  const rows = paragraph.nextElementSibling.querySelectorAll("tbody tr");
  box.addEventListener("input", () => {
    for (const row of rows) {
      const product = row.dataset.unit * box.valueAsNumber;
      row.lastElementChild.textContent = Number.isFinite(product)
        ? product.toLocaleString("en-US", { maximumFractionDigits: 0 })
        : "–";
    }
  });
  paragraph.hidden = false;
}
