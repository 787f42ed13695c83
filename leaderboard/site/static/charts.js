// Draws Vega-Lite specifications into their boxes, when they come into view, in the page's own colours; and brings a
// result that is folded on its model's page when it is opened. A page that was opened from a file may load scripts alone.
"use strict";
(() => {
  const root = document.currentScript.src.replace(/charts\.js$/, "");
  const charts = new WeakMap(); // box → the specifications and data that it is drawn from
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Set();

  function config(box) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const font = getComputedStyle(document.body).fontFamily;
    return {
      background: "transparent",
      font,
      view: { stroke: null },
      mark: { color: colour("--accent") },
      line: { color: colour("--accent") },
      point: { color: colour("--accent") },
      circle: { color: colour("--accent") },
      style: { reference: { color: colour("--muted") } },
      range: { category: [colour("--accent"), colour("--other"), colour("--third")] },
      axis: {
        labelColor: colour("--muted"),
        titleColor: colour("--muted"),
        titleFontWeight: "normal",
        labelFontSize: box.closest(".panels") ? 10.5 : 12.5,
        titleFontSize: 12,
        gridColor: colour("--line"),
        domainColor: colour("--line"),
        tickColor: colour("--line"),
      },
      axisY: { labelColor: colour("--text") },
    };
  }

  // The rows of a data set that is stored by column.
  function rows(columns) {
    const names = Object.keys(columns);
    return names.length ? columns[names[0]].map((_, at) => Object.fromEntries(names.map((name) => [name, columns[name][at]]))) : [];
  }

  let vega = null;
  function loaded() {
    vega ??= window.vegaEmbed
      ? Promise.resolve()
      : new Promise((resolve, reject) => {
          const script = document.createElement("script");
          script.src = `${root}vega.js`;
          script.addEventListener("load", resolve);
          script.addEventListener("error", reject);
          document.head.append(script);
        });
    return vega;
  }

  async function draw(box) {
    await loaded();
    const { specs, datasets } = charts.get(box);
    const spec = { ...specs[box.dataset.spec] };
    if (box.dataset.datasets) {
      spec.datasets = Object.fromEntries(
        Object.entries(datasets[box.dataset.datasets]).map(([name, columns]) => [name, rows(columns)]),
      );
      // a layer without a row has no extent, and says so in the console
      spec.layer = spec.layer?.filter((layer) => spec.datasets[layer.data?.name]?.length !== 0);
    }
    // Vega-Lite warns of a height that is given by rows wherever the width is that of the box
    const rowed = spec.height?.step && spec.encoding?.y?.field;
    if (rowed) spec.height = spec.height.step * new Set(spec.datasets[spec.data.name].map((row) => row[rowed])).size;
    drawn.add(box);
    // A narrow box has no room for long names beside the picture.
    const narrow = box.clientWidth < 480;
    const { view } = await window.vegaEmbed(box, spec, {
      mode: "vega-lite",
      renderer: "svg",
      ast: true, // the page's policy forbids to compile expressions, so they are interpreted
      actions: false,
      defaultStyle: false,
      tooltip: { theme: "custom", disableDefaultStyle: true },
      config: narrow ? { ...config(box), axisY: { ...config(box).axisY, labelLimit: 130 } } : config(box),
    });
    // whoever shows what a point stands for listens for it (crystals.js)
    view.addEventListener("click", (_, item) => {
      if (item?.datum) box.dispatchEvent(new CustomEvent("mlip-zoo-point", { bubbles: true, detail: item.datum }));
    });
    box.dataset.drawn = "true";
  }

  const failed = (error) => console.error(error);
  const watcher = new IntersectionObserver(
    (seen) => {
      for (const { isIntersecting, target } of seen) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        draw(target).catch(failed);
      }
    },
    { rootMargin: "300px" },
  );
  function watch(element, source) {
    for (const box of element.querySelectorAll(".chart[data-spec]")) {
      charts.set(box, source);
      watcher.observe(box);
    }
  }
  const source = document.getElementById("charts");
  if (source) watch(document, JSON.parse(source.textContent));

  const opened = new WeakMap(); // script → the folded result that asked for it
  window.mlipZooResult = (html, source) => {
    const folded = opened.get(document.currentScript);
    const place = document.createElement("div");
    place.innerHTML = html; // written by the same templates as the page; its policy runs no script in it
    folded.append(place);
    watch(place, source);
    document.dispatchEvent(new CustomEvent("mlip-zoo-added", { detail: place }));
  };
  for (const folded of document.querySelectorAll("details[data-load]")) {
    folded.addEventListener(
      "toggle",
      () => {
        const script = document.createElement("script");
        script.src = folded.dataset.load;
        opened.set(script, folded);
        document.head.append(script);
      },
      { once: true },
    );
  }
  dark.addEventListener("change", () => drawn.forEach((box) => draw(box).catch(failed)));
  window.addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll(".chart[data-spec]:not([data-drawn])"))
      if (charts.has(box)) draw(box).catch(failed);
  });
})();
