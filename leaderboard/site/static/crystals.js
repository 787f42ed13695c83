// Shows the crystals behind a result in 3D, in a dialog: the viewer and the geometries are loaded by the first button or
// point that somebody clicks. Lengths come as thousandths of an Ångström (`leaderboard/ranking/crystals.py`).
"use strict";
(() => {
  const root = document.currentScript.src.replace(/crystals\.js$/, "");
  const LABELS = { reference: "Reference", start: "Start", relaxed: "Relaxed" };
  const FEW = 2; // atoms: so small a cell is drawn twice along each edge
  const BOND = 1.15; // a bond is at most so many sums of covalent radii,
  const NEAREST = 1.3; // and so many times an atom's shortest distance, so that large cations do not bond each other

  const scripts = new Map(); // address → its loading
  const told = new Map(); // address → what it told
  window.mlipZooCrystals = (data) => told.set(document.currentScript.src, data);
  function load(address) {
    const { href } = new URL(address, location.href);
    if (!scripts.has(href))
      scripts.set(
        href,
        new Promise((resolve, reject) => {
          const script = document.createElement("script");
          script.src = href;
          script.addEventListener("load", () => resolve(told.get(href)));
          script.addEventListener("error", () => reject(new Error(`${href} could not be loaded`)));
          document.head.append(script);
        }),
      );
    return scripts.get(href);
  }

  // What the scripts of a result tell about one sample: { elements, source, geometries }.
  async function found(addresses, sample) {
    const parts = await Promise.all(addresses.map(load));
    const geometries = Object.assign({}, ...parts.map((part) => part.samples[sample]));
    const { elements, source } = parts.find((part) => part.elements);
    return { elements, source, geometries };
  }

  const dot = (one, other) => one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const norm = (vector) => Math.sqrt(dot(vector, vector));
  const sum = (vectors, factors) => [0, 1, 2].map((axis) => vectors.reduce((total, each, i) => total + factors[i] * each[axis], 0));

  // A geometry in Ångström: rows of the cell, volume, and for each atom its number and fractional coordinates.
  function read({ numbers, cell, positions }) {
    const triples = (flat) => Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3).map((x) => x / 1000));
    const rows = triples(cell);
    const volume = Math.abs(dot(rows[0], cross(rows[1], rows[2])));
    const signed = dot(rows[0], cross(rows[1], rows[2]));
    const dual = [cross(rows[1], rows[2]), cross(rows[2], rows[0]), cross(rows[0], rows[1])];
    const fractions = triples(positions).map((place) => dual.map((each) => dot(each, place) / signed));
    return { rows, volume, atoms: numbers.map((number, i) => ({ number, fraction: fractions[i] })) };
  }

  // The atoms that are drawn: those of the cell, twice along each edge where it is small, and their images on its boundary.
  function drawn({ rows, atoms }) {
    const times = atoms.length <= FEW ? 2 : 1;
    const placed = [];
    for (const { number, fraction } of atoms) {
      const within = fraction.map((x) => x - Math.floor(x + 0.01));
      const along = within.map((x) => Array.from({ length: times + (x < 0.01 ? 1 : 0) }, (_, i) => x + i));
      for (const a of along[0]) for (const b of along[1]) for (const c of along[2]) placed.push({ number, place: sum(rows, [a, b, c]) });
    }
    return placed;
  }

  function bonded(placed, elements) {
    const distance = (i, j) => norm(sum([placed[i].place, placed[j].place], [1, -1]));
    const nearest = placed.map((_, i) => Math.min(...placed.map((__, j) => (i === j ? Infinity : distance(i, j)))));
    const radius = (i) => elements[placed[i].number][2];
    const bonds = placed.map(() => []);
    for (let i = 0; i < placed.length; i++)
      for (let j = 0; j < placed.length; j++) {
        const limit = Math.min(BOND * (radius(i) + radius(j)), NEAREST * Math.max(nearest[i], nearest[j]));
        if (i !== j && distance(i, j) < limit) bonds[i].push(j);
      }
    return bonds;
  }

  let viewer = null;
  function draw(stage, geometry, elements, keep) {
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    viewer ??= window["3Dmol"].createViewer(stage, { backgroundColor: "white", disableFog: true, orthographic: true });
    const view = keep ? viewer.getView() : null;
    viewer.setBackgroundColor(colour("--surface"));
    viewer.removeAllModels();
    viewer.removeAllShapes();
    const crystal = read(geometry);
    const placed = drawn(crystal);
    const bonds = bonded(placed, elements);
    const model = viewer.addModel();
    model.addAtoms(
      placed.map(({ number, place: [x, y, z] }, serial) => ({
        elem: elements[number][0], x, y, z, serial, bonds: bonds[serial], bondOrder: bonds[serial].map(() => 1), properties: {},
      })),
    );
    for (const number of new Set(geometry.numbers)) {
      const [elem, color, radius] = elements[number];
      model.setStyle({ elem }, { sphere: { radius: 0.3 + 0.2 * radius, color }, stick: { radius: 0.1, color } });
    }
    const corner = (bits) => sum(crystal.rows, [bits & 1, (bits >> 1) & 1, (bits >> 2) & 1]);
    const point = ([x, y, z]) => ({ x, y, z });
    for (let bits = 0; bits < 8; bits++)
      for (const bit of [1, 2, 4])
        if (!(bits & bit)) viewer.addLine({ start: point(corner(bits)), end: point(corner(bits | bit)), color: colour("--muted") });
    if (view) viewer.setView(view);
    else {
      viewer.zoomTo();
      viewer.zoom(1.25); // it leaves wide margins
      viewer.rotate(20, "y");
      viewer.rotate(15, "x");
    }
    viewer.resize();
    viewer.render();
  }

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const stage = element("div", { class: "stage", role: "img", tabindex: "0" });
  const title = element("h2", { id: "crystal-title" });
  const choice = element("div", { class: "choices", role: "group", "aria-label": "Geometry" });
  const key = element("p", { class: "elements" });
  const table = element("tbody", {});
  const source = element("p", { class: "note" });
  const close = element("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
  const headers = ["Geometry", "a", "b", "c", "α", "β", "γ", "Volume"].map((text, i) =>
    element("th", { scope: "col", class: i ? "number" : "" }, text, ...(i ? [element("span", { class: "unit" }, i < 4 ? "Å" : i < 7 ? "°" : "Å³/atom")] : [])),
  );
  const facts = element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "Cells" },
    element("table", {}, element("thead", {}, element("tr", {}, ...headers)), table));
  const help = element("p", { class: "note" }, "Drag or arrow keys: turn. Wheel, + and −: zoom. Positions are rounded to 0.001 Å.");
  const dialog = element("dialog", { class: "crystal-view", "aria-labelledby": "crystal-title" }, close, title, choice, stage, key, facts, help, source);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const MOVES = { ArrowLeft: [-10, "y"], ArrowRight: [10, "y"], ArrowUp: [-10, "x"], ArrowDown: [10, "x"] };
  const ZOOMS = { "+": 1.2, "-": 1 / 1.2 };
  stage.addEventListener("keydown", (event) => {
    if (viewer && MOVES[event.key]) viewer.rotate(...MOVES[event.key]);
    else if (viewer && ZOOMS[event.key]) viewer.zoom(ZOOMS[event.key]);
    else return;
    event.preventDefault();
    viewer.render();
  });

  function cells(name, geometry) {
    const { rows, volume, atoms } = read(geometry);
    const angle = (i, j) => (180 / Math.PI) * Math.acos(dot(rows[i], rows[j]) / norm(rows[i]) / norm(rows[j]));
    const numbers = [...rows.map((row) => norm(row).toFixed(3)), ...[angle(1, 2), angle(0, 2), angle(0, 1)].map((each) => each.toFixed(2)), (volume / atoms.length).toFixed(3)];
    return element("tr", {}, element("th", { scope: "row" }, name), ...numbers.map((each) => element("td", { class: "number" }, each)));
  }

  async function show(addresses, sample) {
    if (!dialog.isConnected) document.body.append(dialog);
    title.textContent = sample;
    const [{ elements, source: from, geometries }] = await Promise.all([found(addresses, sample), load(`${root}3Dmol.js`)]);
    const names = Object.keys(LABELS).filter((name) => geometries[name]);
    const label = (name) => (name === "reference" && !geometries.start ? "Reference, where it starts" : LABELS[name]);
    const present = new Set(names.flatMap((name) => geometries[name].numbers));
    key.replaceChildren(
      ...[...present].map((number) => {
        const swatch = element("span", { class: "swatch" });
        swatch.style.backgroundColor = elements[number][1];
        return element("span", {}, swatch, elements[number][0]);
      }),
    );
    table.replaceChildren(...names.map((name) => cells(label(name), geometries[name])));
    source.textContent = from;
    function choose(name, keep) {
      for (const button of choice.children) button.setAttribute("aria-pressed", String(button.dataset.name === name));
      stage.setAttribute("aria-label", `${sample}, ${label(name)}: ${geometries[name].numbers.length} atoms in the cell`);
      try {
        draw(stage, geometries[name], elements, keep);
      } catch (error) {
        if (viewer) throw error;
        stage.textContent = "This browser draws nothing in 3D (WebGL is off); the table has the cells.";
      }
    }
    choice.replaceChildren(
      ...names.map((name) => {
        const button = element("button", { type: "button", "data-name": name }, label(name));
        button.addEventListener("click", () => choose(name, true));
        return button;
      }),
    );
    if (!dialog.open) dialog.showModal();
    choose(names.at(-1), false);
  }

  const failed = (error) => console.error(error);
  const addresses = (place) => place.dataset.crystals.split(" ");
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.crystal");
    if (button) show(addresses(button.closest("[data-crystals]")), button.dataset.sample).catch(failed);
  });
  // A point of a picture names its crystal as `sample`, `formula (sample)` or `formula, sample`; one of a sample's own
  // picture is that sample's.
  document.addEventListener("mlip-zoo-point", async ({ target, detail }) => {
    const place = target.closest("[data-crystals]");
    if (!place) return;
    try {
      const parts = await Promise.all(addresses(place).map(load));
      const names = Object.values(detail).filter((value) => typeof value === "string");
      const meant = names.flatMap((name) => [name, /\(([^()]*)\)$/.exec(name)?.[1], /, (.*)$/.exec(name)?.[1]]);
      const own = target.closest(".panel")?.querySelector("button.crystal")?.dataset.sample;
      const sample = [...meant, own].find((each) => each && parts.some((part) => part.samples[each]));
      if (sample) await show(addresses(place), sample);
    } catch (error) {
      failed(error);
    }
  });
})();
