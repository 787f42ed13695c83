// The table across tasks: filter, sort, fold, choose columns, weigh; all of it stands in the address.
"use strict";
(() => {
  const table = document.getElementById("overview");
  const source = document.getElementById("overview-data");
  const tools = document.getElementById("tools");
  if (!table || !source || !tools) return;
  const { columns, elements, checkpoints } = JSON.parse(source.textContent);
  const byKey = new Map(columns.map((column, index) => [column.key, index]));
  const bodies = [...table.tBodies].filter((body) => !body.dataset.theory);
  // headings of levels of theory that compare with nothing above them, and so stay below it in every order
  const headings = new Map([...table.tBodies].flatMap((body) => (body.dataset.theory ? [[body.dataset.theory, body]] : [])));
  const text = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const known = elements.map((symbols) => new Set(symbols));
  const facets = [...tools.querySelectorAll("[data-facet]")];
  const groups = checkpoints.map((rows, index) => ({
    rows: rows.map((row, at) => ({
      ...row,
      element: bodies[index].rows[at],
      words: [row.title, row.entry, row.family, row.theory, row.licence, row.training.join(" ")].join(" ").toLowerCase(),
    })),
    body: bodies[index],
    open: false,
  }));
  const chosen = new Set();
  const picked = new Set();
  const hidden = new Set();
  const weights = new Map();
  let order = { key: null, ascending: true };
  const number = (value) => (value === null ? "–" : value.toLocaleString("en", { maximumSignificantDigits: 3 }));

  function facet(name) {
    const control = facets.find((each) => each.dataset.facet === name);
    if (!control) return name === "demo" ? true : "";
    return control.type === "checkbox" ? control.checked : control.value.trim();
  }

  function licenceOf(row) {
    return row.permissive === null ? "unknown" : row.permissive ? "permissive" : "restricted";
  }

  function matcher() {
    const words = facet("q").toLowerCase().split(/\s+/).filter(Boolean);
    const [licence, training, theory, family] = ["licence", "training", "theory", "family"].map(facet);
    const [constrained, safe, size, speed, demo] = ["constrained", "safe", "size", "speed", "demo"].map(facet);
    return (row) =>
      (demo || !row.demonstration) &&
      words.every((word) => row.words.includes(word)) &&
      (chosen.size === 0 || (row.elements !== null && [...chosen].every((symbol) => known[row.elements].has(symbol)))) &&
      (!licence || licenceOf(row) === licence) &&
      (!training || row.training.includes(training)) &&
      (!theory || row.theory === theory) &&
      (!family || row.family === family) &&
      (!constrained || row.constrained === (constrained === "yes")) &&
      (!safe || row.safe === safe) &&
      (size === "" || (row.parameters !== null && row.parameters <= 1e6 * Number(size))) &&
      (speed === "" || (row.cost !== null && row.cost <= Number(speed)));
  }

  // Within so many percent of the best comparable value among the rows that match.
  function near(rows) {
    const by = byKey.get(facet("by")) ?? 0;
    const { better } = columns[by];
    const values = rows.filter((row) => row.values[by][1] === 0).map((row) => row.values[by][0]);
    const best = values.length ? (better === "lower" ? Math.min(...values) : Math.max(...values)) : null;
    const share = Number(facet("within")) / 100;
    const limit = best === null ? null : better === "lower" ? best * (1 + share) : best * (1 - share);
    const inside = (row) =>
      limit !== null &&
      row.values[by][1] === 0 &&
      (better === "lower" ? row.values[by][0] <= limit : row.values[by][0] >= limit);
    return { by, best, limit, inside, holder: rows.find((row) => row.values[by][1] === 0 && row.values[by][0] === best) };
  }

  function score(row) {
    let [sum, total] = [0, 0];
    for (const [key, weight] of weights) {
      const at = byKey.get(key);
      const [value, kind] = row.values[at];
      const { best, better } = columns[at];
      if (kind !== 0 || value === null || best === null) return null;
      const share = value === best ? 1 : better === "lower" ? best / value : value / best;
      sum += weight * share;
      total += weight;
    }
    return total > 0 ? sum / total : null;
  }

  const LETTERS = "ABCDF";
  function key(row, name) {
    if (name === "score") return [0, score(row)];
    if (name === "title") return [0, row.title];
    if (name === "cost" || name === "parameters") return [0, row[name]];
    if (name === "licence") return [0, row.licence];
    if (name === "training") return [0, row.training.join(", ")];
    if (name.startsWith("grade-")) {
      const [letter, ratio] = row.grades[name.slice(6)] ?? ["", null];
      return [0, ratio === null ? null : letter === "A" ? 0 : LETTERS.indexOf(letter) + ratio / 1e9];
    }
    const [value, kind] = row.values[byKey.get(name)];
    return [kind, value];
  }

  function sorted(list) {
    if (order.key === null) return list;
    const keyed = list.map((group) => [group, ...key(group.lead, order.key), group.lead.demonstration]);
    keyed.sort(([, a, x, d], [, b, y, e]) => {
      if (d !== e) return d - e;
      // no number is neither small nor large, and what does not compare stands behind what does
      if (x === null || y === null) return (x === null) - (y === null);
      if (a !== b) return a - b;
      const found = typeof x === "string" ? text.compare(x, y) : x - y;
      return order.ascending ? found : -found;
    });
    return keyed.map(([group]) => group);
  }

  // Of a long table so many checkpoints are in the document, until all are asked for, and again after the next choice:
  // laying out a thousand takes seconds. `site.css` has the same number, for the time before this script runs.
  const MOST = 40;
  let shown = [...table.tBodies];
  let everything = false;
  const more = document.createElement("button");
  more.type = "button";
  more.className = "more";
  more.hidden = true;
  more.addEventListener("click", () => {
    everything = true;
    apply();
  });
  table.parentElement.after(more);

  function apply() {
    const matches = matcher();
    let rows = groups.flatMap((group) => group.rows.filter(matches));
    const matched = rows.length;
    const within = facet("within");
    const close = near(rows);
    if (within !== "") rows = rows.filter(close.inside);
    const left = new Set(rows);
    const all = facet("modes");
    let count = 0;
    for (const group of groups) {
      const mine = group.rows.filter((row) => left.has(row));
      group.left = mine.length > 0;
      count += group.left;
      group.lead = mine[0] ?? group.rows[0];
      for (const [at, row] of group.rows.entries()) {
        const away = !left.has(row) || !(all || group.open || row === group.lead);
        if (row.element.hidden !== away) row.element.hidden = away;
        if (weights.size && row.score) {
          const value = score(row);
          row.score.textContent = value === null ? "–" : value.toFixed(3);
        }
      }
      if (group.button) {
        const folded = group.rows.length - 1;
        const words = group.open ? "fold" : `+${folded} ${folded === 1 ? "mode" : "modes"}`;
        if (group.button.textContent !== words) group.button.textContent = words;
        group.button.setAttribute("aria-expanded", String(group.open || all));
      }
    }
    const ordered = sorted(groups.filter((group) => group.left));
    const listed = (everything ? ordered : ordered.slice(0, MOST)).map((group) => [group.lead.theory, group.body]);
    more.hidden = listed.length === ordered.length;
    more.textContent = `Show all ${ordered.length} rows`;
    const apart = (theory) => listed.filter(([its]) => its === theory).map(([, body]) => body);
    const here = listed.filter(([its]) => !headings.has(its)).map(([, body]) => body);
    for (const [theory, heading] of headings) if (apart(theory).length) here.push(heading, ...apart(theory));
    if (here.length !== shown.length || here.some((body, at) => body !== shown[at])) {
      table.replaceChildren(table.tHead, ...here);
      shown = here;
    }
    const output = document.getElementById("count");
    output.value = count === groups.length ? "" : `${count} of ${groups.length} rows`;
    answer(rows, matched, close, within);
  }

  function answer(rows, matched, close, within) {
    const place = document.getElementById("answer");
    if (!place) return;
    const asked = asking();
    place.hidden = asked.length === 0;
    if (!asked.length) return;
    const column = columns[close.by];
    const unit = column.unit ? ` ${column.unit}` : "";
    const sentence = asked.join("; ");
    const told = [`${sentence[0].toUpperCase()}${sentence.slice(1)}: ${matched} ${matched === 1 ? "entry matches" : "entries match"}.`];
    if (close.holder) {
      told.push(
        `Best by ${column.task}, ${column.label}: ${close.holder.title} (${number(close.best)}${unit}, ${column.subset} subset, ${column.samples} samples).`,
      );
    } else told.push(`None of them has a comparable number for ${column.task}.`);
    if (within !== "" && close.limit !== null) {
      const timed = rows.filter((row) => row.cost !== null).sort((a, b) => a.cost - b.cost);
      const bound = `${column.better === "lower" ? "at most" : "at least"} ${number(close.limit)}${unit}`;
      told.push(`Within ${within} % of it (${bound}): ${rows.length}.`);
      const untimed = rows.length - timed.length;
      if (timed.length) {
        const list = timed.slice(0, 5).map((row) => `${row.title} @${row.mode}, relative cost ${number(row.cost)}`);
        told.push(`Fastest first: ${list.join("; ")}.`);
      }
      if (untimed) told.push(`Cost not measured: ${untimed} of them.`);
    }
    place.textContent = told.join(" ");
  }

  function asking() {
    const asked = [];
    if (chosen.size) asked.push(`knows ${[...chosen].join("-")}`);
    const named = {
      q: "text",
      licence: "licence",
      training: "trained on",
      theory: "theory",
      family: "family",
      constrained: "constrained",
      safe: "safe for phonons",
      size: "parameters at most, M",
      speed: "relative cost at most",
    };
    for (const [name, words] of Object.entries(named)) {
      const value = facet(name);
      if (value !== "") asked.push(`${words}: ${value}`);
    }
    if (facet("within") !== "" && !asked.length) asked.push("all entries");
    return asked;
  }

  // --- the address ---------------------------------------------------------------------------------------------
  function write() {
    const given = new URLSearchParams();
    if (chosen.size) given.set("elements", [...chosen].join(","));
    for (const control of facets) {
      const name = control.dataset.facet;
      if (control.type === "checkbox") {
        if (control.checked !== control.defaultChecked) given.set(name, control.checked ? "1" : "0");
      } else if (control.value && !(name === "by" && control.selectedIndex === 0)) given.set(name, control.value);
    }
    if (hidden.size) given.set("hide", [...hidden].join(","));
    if (weights.size) given.set("weights", [...weights].map(([name, weight]) => `${name}:${weight}`).join(","));
    if (order.key) given.set("sort", (order.ascending ? "" : "-") + order.key);
    const query = given.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
    try {
      history.replaceState(null, "", query ? `?${query}` : location.pathname);
    } catch {
      // a page that was opened from a file has no address to change
    }
  }

  function read() {
    const given = new URLSearchParams(location.search);
    for (const control of facets) {
      const value = given.get(control.dataset.facet);
      if (value === null) continue;
      if (control.type === "checkbox") control.checked = value === "1";
      else control.value = value;
    }
    for (const symbol of (given.get("elements") ?? "").split(",")) {
      const button = [...document.querySelectorAll("[data-element]")].find((each) => each.dataset.element === symbol);
      if (button) {
        chosen.add(symbol);
        button.setAttribute("aria-pressed", "true");
      }
    }
    for (const name of (given.get("hide") ?? "").split(",")) if (keys.has(name)) hidden.add(name);
    for (const pair of (given.get("weights") ?? "").split(",")) {
      const [name, weight] = pair.split(":");
      if (byKey.has(name) && Number(weight) > 0) weights.set(name, Number(weight));
    }
    const sort = given.get("sort");
    if (sort) {
      const name = sort.replace(/^-/, "");
      if (keys.has(name) || name === "score") order = { key: name, ascending: !sort.startsWith("-") };
    }
  }

  // --- columns -------------------------------------------------------------------------------------------------
  const heads = [...table.tHead.querySelectorAll("th[data-key]")];
  const keys = new Map(heads.map((head) => [head.dataset.key, head]));
  const positions = new Map([...keys.keys()].map((name, at) => [name, at]));
  const groupHeads = [...table.tHead.rows[0].cells].filter((cell) => cell.scope === "colgroup");
  const spans = groupHeads.map((cell) => cell.colSpan);

  function show(name) {
    const away = hidden.has(name);
    keys.get(name).hidden = away;
    for (const group of groups) for (const row of group.rows) row.element.cells[positions.get(name)].hidden = away;
    let at = 0;
    const below = heads.filter((head) => head.dataset.key !== "title" && head.dataset.key !== "score");
    groupHeads.forEach((cell, index) => {
      const mine = below.slice(at, at + spans[index]);
      at += spans[index];
      const left = mine.filter((head) => !head.hidden).length;
      cell.hidden = left === 0;
      if (left) cell.colSpan = left;
    });
  }

  function scoreColumn() {
    const there = keys.has("score");
    if (weights.size && !there) {
      const head = document.createElement("th");
      head.scope = "col";
      head.rowSpan = 2;
      head.className = "number";
      head.dataset.key = "score";
      head.dataset.type = "number";
      const label = document.createElement("span");
      label.className = "label";
      label.textContent = "combined score";
      head.append(label);
      table.tHead.rows[0].append(head);
      sortable(head);
      keys.set("score", head);
      for (const group of groups)
        for (const row of group.rows) {
          row.score = row.element.insertCell();
          row.score.className = "number";
        }
    } else if (!weights.size && there) {
      keys.get("score").remove();
      keys.delete("score");
      for (const group of groups) for (const row of group.rows) row.score.remove(), delete row.score;
      if (order.key === "score") order = { key: null, ascending: true };
    }
  }

  function sortable(head) {
    const label = head.querySelector(".label");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...label.childNodes);
    label.append(button);
    const name = head.dataset.key;
    const higher = name === "score" || (byKey.has(name) && columns[byKey.get(name)].better === "higher");
    button.addEventListener("click", () => {
      order = { key: name, ascending: order.key === name ? !order.ascending : !higher };
      changed();
    });
  }

  function marked() {
    for (const [name, head] of keys) {
      if (name === order.key) head.setAttribute("aria-sort", order.ascending ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  }

  function changed() {
    everything = false;
    scoreColumn();
    apply();
    marked();
    write();
  }

  function titleOf(name) {
    const at = byKey.get(name);
    return at === undefined ? keys.get(name).querySelector(".label").textContent : columns[at].task;
  }

  function labelled(words, control, after = "") {
    const label = document.createElement("label");
    label.append(control, ` ${words}${after}`);
    return label;
  }

  // --- controls ------------------------------------------------------------------------------------------------
  read();
  heads.forEach(sortable);
  for (const group of groups) {
    if (group.rows.length > 1) {
      group.button = document.createElement("button");
      group.button.type = "button";
      group.button.className = "unfold";
      group.button.setAttribute("aria-label", `Modes of ${group.rows[0].title}`);
      group.button.addEventListener("click", () => {
        group.open = !group.open;
        apply();
      });
      group.rows[0].element.cells[0].append(group.button);
    }
    for (const row of group.rows) {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.className = "pick";
      box.setAttribute("aria-label", `Compare ${row.title}, ${row.mode}`);
      box.addEventListener("change", () => {
        if (box.checked) picked.add(row.entry);
        else picked.delete(row.entry);
        const link = document.getElementById("compare");
        link.hidden = picked.size < 2;
        link.href = `compare.html?entries=${[...picked].map(encodeURIComponent).join(",")}`;
        link.textContent = picked.size > 4 ? "Compare the first four" : `Compare ${picked.size}`;
      });
      row.element.cells[0].prepend(box);
    }
  }
  for (const control of facets) control.addEventListener(control.tagName === "SELECT" ? "change" : "input", changed);
  for (const button of document.querySelectorAll("[data-element]")) {
    button.addEventListener("click", () => {
      const symbol = button.dataset.element;
      if (!chosen.delete(symbol)) chosen.add(symbol);
      button.setAttribute("aria-pressed", String(chosen.has(symbol)));
      document.getElementById("chosen-elements").value = [...chosen].join("-");
      changed();
    });
  }
  const boxes = document.getElementById("columns");
  if (boxes) {
    for (const name of keys.keys()) {
      if (name === "title" || name === "score") continue;
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = !hidden.has(name);
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(name);
        else hidden.add(name);
        show(name);
        write();
      });
      boxes.append(labelled(titleOf(name), box));
    }
    for (const { key: name, task } of columns) {
      const box = document.createElement("input");
      Object.assign(box, { type: "number", min: "0", step: "any", value: weights.get(name) ?? "" });
      box.addEventListener("input", () => {
        if (Number(box.value) > 0) weights.set(name, Number(box.value));
        else weights.delete(name);
        changed();
      });
      document.getElementById("weights").append(labelled(task, box));
    }
    document.getElementById("reset").addEventListener("click", () => location.assign(location.pathname));
    document.getElementById("chosen-elements").value = [...chosen].join("-");
    document.getElementById("score").open = weights.size > 0;
  }
  hidden.forEach(show);
  tools.hidden = false;
  scoreColumn();
  apply();
  table.classList.add("ready");
  marked();
})();
