// Narrows the list of all pages; the address holds what is searched.
"use strict";
(() => {
  const box = document.getElementById("words");
  const hits = document.getElementById("hits");
  const items = [...document.querySelectorAll("#found li")].map((item) => [
    item,
    `${item.textContent} ${item.dataset.words}`.toLowerCase(),
  ]);
  function search() {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const [item, text] of items) {
      const found = words.every((word) => text.includes(word));
      item.hidden = !found;
      count += found;
    }
    hits.value = words.length ? `${count} of ${items.length}` : "";
  }
  box.value = new URLSearchParams(location.search).get("q") ?? "";
  box.addEventListener("input", () => {
    search();
    try {
      history.replaceState(null, "", box.value ? `?q=${encodeURIComponent(box.value)}` : location.pathname);
    } catch {
      // a page that was opened from a file has no address to change
    }
  });
  document.getElementById("search").hidden = false;
  search();
})();
