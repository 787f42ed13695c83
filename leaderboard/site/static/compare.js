// Two to four entries side by side; the address holds which.
"use strict";
(() => {
  const source = document.getElementById("overview-data");
  const place = document.getElementById("comparison");
  const chosen = document.getElementById("chosen");
  if (!source || !place || !chosen) return;
  const MOST = 4;
  const { columns, elements, checkpoints } = JSON.parse(source.textContent);
  const rows = new Map(checkpoints.flat().map((row) => [row.entry, row]));
  const asked = (new URLSearchParams(location.search).get("entries") ?? "").split(",");
  let picked = asked.filter((name) => rows.has(name)).slice(0, MOST);
  const NOTHING = "–";
  const figure = (value) =>
    value === null || value === undefined ? NOTHING : value.toLocaleString("en", { maximumSignificantDigits: 4 }).replaceAll(",", "\u202f");

  function cell(tag, content, name) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...[content].flat(Infinity));
    return made;
  }

  function below(content) {
    return cell("span", content, "below");
  }

  function line(label, cells) {
    const row = document.createElement("tr");
    const head = cell("th", label);
    head.scope = "row";
    row.append(head, ...cells);
    return row;
  }

  // The best of those that compare, where its interval is apart from every other's.
  function leader(at, found) {
    const { better } = columns[at];
    const there = found.filter((row) => row.values[at][1] === 0 && row.values[at][0] !== null);
    if (there.length < 2) return null;
    const sign = better === "lower" ? 1 : -1;
    const [first, ...others] = [...there].sort((a, b) => sign * (a.values[at][0] - b.values[at][0]));
    const apart = (other) => {
      const [mine, its] = [first.intervals[at], other.intervals[at]];
      if (!mine || !its || mine.includes(null) || its.includes(null)) return false;
      return better === "lower" ? mine[1] < its[0] : mine[0] > its[1];
    };
    return others.every(apart) ? first : null;
  }

  function measured(row, at, best) {
    const [value, kind] = row.values[at];
    const content = [cell("span", figure(value), row === best ? "best-value" : "value")];
    const interval = row.intervals[at];
    if (value !== null && interval && interval[0] !== null) content.push(below(`[${figure(interval[0])}, ${figure(interval[1])}]`));
    return cell("td", content, kind === 0 ? "number" : "number is-stale");
  }

  function graded(row, claim) {
    const [letter, ratio] = row.grades[claim] ?? ["untested", null];
    const content = [letter];
    if (ratio !== null && letter !== "A") content.push(below(`× ${figure(ratio)} of single precision’s rounding`));
    return cell("td", content);
  }

  function draw() {
    const found = picked.map((name) => rows.get(name));
    place.hidden = found.length === 0;
    chosen.hidden = false;
    const choices = found.map((row) => {
      const button = cell("button", `Remove ${row.title}, ${row.mode}`);
      button.type = "button";
      button.addEventListener("click", () => change(picked.filter((name) => name !== row.entry)));
      return button;
    });
    if (picked.length < MOST) {
      const select = document.createElement("select");
      select.append(cell("option", ""));
      select.options[0].value = "";
      for (const row of rows.values()) {
        if (picked.includes(row.entry)) continue;
        const option = cell("option", `${row.title}, ${row.mode}`);
        option.value = row.entry;
        select.append(option);
      }
      select.addEventListener("change", () => select.value && change([...picked, select.value]));
      choices.push(cell("label", ["Add ", select]));
    }
    chosen.replaceChildren(...choices);
    document.getElementById("compared").textContent = found.length
      ? `${found.map((row) => `${row.title} (${row.mode})`).join(", ")}. The address holds the selection.`
      : "Two to four entries side by side. Choose the first one here, or tick entries in the table.";
    if (!found.length) return place.replaceChildren();
    const heads = found.map((row) => {
      const link = cell("a", cell("bdi", row.title));
      link.href = `models/${encodeURIComponent(row.card)}.html`;
      const head = cell("th", [link, below(cell("code", row.mode))]);
      head.scope = "col";
      return head;
    });
    const top = document.createElement("tr");
    top.append(cell("th", "Entry"), ...heads);
    top.cells[0].scope = "col";
    const text = (label, of) => line(label, found.map((row) => cell("td", of(row) ?? NOTHING)));
    const body = document.createElement("tbody");
    for (const [at, column] of columns.entries()) {
      const best = leader(at, found);
      const link = cell("a", column.task);
      link.href = `tasks/${encodeURIComponent(column.key)}.html`;
      const label = [link, below(`${column.label}${column.unit && `, ${column.unit}`}; ${column.better} is better; ${column.subset} subset`)];
      body.append(line(label, found.map((row) => measured(row, at, best))));
    }
    body.append(
      text("Safe for phonons", (row) => row.safe),
      ...["rotation", "inversion", "conservative"].map((claim) =>
        line(`Grade: ${claim}`, found.map((row) => graded(row, claim))),
      ),
      line("Relative cost", found.map((row) => cell("td", figure(row.cost), "number"))),
      line("Parameters", found.map((row) => cell("td", figure(row.parameters), "number"))),
      text("Claims to be", (row) => (row.constrained === null ? null : row.constrained ? "constrained" : "unconstrained")),
      text("Theory", (row) => row.theory),
      text("Trained on", (row) => row.training.join(", ")),
      text("Licence", (row) => row.licence),
      text("Elements", (row) => (row.elements === null ? null : String(elements[row.elements].length))),
      text("Family", (row) => row.family),
    );
    const table = cell("table", [cell("thead", top), body], "comparison");
    place.replaceChildren(table);
  }

  function change(names) {
    picked = names.slice(0, MOST);
    try {
      history.replaceState(null, "", `?entries=${picked.map(encodeURIComponent).join(",").replaceAll("%40", "@")}`);
    } catch {
      // a page that was opened from a file has no address to change
    }
    draw();
  }

  draw();
})();
