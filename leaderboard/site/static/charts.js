// Draws the page's Vega-Lite specifications into their boxes, when they come into view, in the page's own colours.
"use strict";
(() => {
  const source = document.getElementById("charts");
  if (!source || !window.vegaEmbed) return;
  const { specs, datasets } = JSON.parse(source.textContent);
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

  async function draw(box) {
    const spec = { ...specs[box.dataset.spec] };
    if (box.dataset.datasets) {
      spec.datasets = datasets[box.dataset.datasets];
      // a layer without a row has no extent, and says so in the console
      spec.layer = spec.layer?.filter((layer) => spec.datasets[layer.data?.name]?.length !== 0);
    }
    drawn.add(box);
    // A narrow box has no room for long names beside the picture.
    const narrow = box.clientWidth < 480;
    await window.vegaEmbed(box, spec, {
      mode: "vega-lite",
      renderer: "svg",
      ast: true, // the page's policy forbids to compile expressions, so they are interpreted
      actions: false,
      defaultStyle: false,
      tooltip: { theme: "custom", disableDefaultStyle: true },
      config: narrow ? { ...config(box), axisY: { ...config(box).axisY, labelLimit: 130 } } : config(box),
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
  for (const box of document.querySelectorAll(".chart[data-spec]")) watcher.observe(box);
  dark.addEventListener("change", () => drawn.forEach((box) => draw(box).catch(failed)));
  window.addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll(".chart[data-spec]:not([data-drawn])")) draw(box).catch(failed);
  });
})();
