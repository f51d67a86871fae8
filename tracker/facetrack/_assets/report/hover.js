"use strict";
// Values under the pointer: the curves' own paths are read back, so that the page holds every number once.
const GAP = 25; // of 1000 across: beyond it a curve is not known there
function points(path) {
  const found = [...path.getAttribute("d").matchAll(/[ML]([\d.-]+) ([\d.-]+)/g)];
  return found.map((part) => [Number(part[1]), Number(part[2])]);
}
function nearest(all, x) {
  let best = null;
  for (const point of all) if (best === null || Math.abs(point[0] - x) < Math.abs(best[0] - x)) best = point;
  return best !== null && Math.abs(best[0] - x) <= GAP ? best : null;
}
function text(path, y, height) {
  const low = Number(path.dataset.low), high = Number(path.dataset.high), unit = path.dataset.unit;
  const value = high - (y / height) * (high - low);
  if (unit === "%") return `${(100 * value).toFixed(1)} %`;
  return high - low <= 1 ? value.toFixed(2) : `${value.toFixed(0)}${unit}`;
}
for (const lines of document.querySelectorAll(".timelines")) {
  const charts = [...lines.querySelectorAll(".chart")].map((chart) => {
    const paths = [...chart.querySelectorAll("path.line")];
    const outputs = [...chart.querySelectorAll(".keys output")];
    const height = chart.querySelector("svg").viewBox.baseVal.height;
    return { cursor: chart.querySelector(".cursor"), height, outputs, paths, read: paths.map(points) };
  });
  const at = lines.querySelector(".at"), start = Number(lines.dataset.start), end = Number(lines.dataset.end);
  const show = (event) => {
    const plot = event.target.closest(".plot");
    if (!plot) return;
    const box = plot.getBoundingClientRect(), share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    at.textContent = `at ${(start + share * (end - start)).toFixed(2)} s`;
    for (const chart of charts) {
      chart.cursor.style.left = `${100 * share}%`;
      chart.cursor.style.display = "block";
      chart.paths.forEach((path, index) => {
        const point = nearest(chart.read[index], 1000 * share);
        chart.outputs[index].textContent = point ? text(path, point[1], chart.height) : "–";
      });
    }
  };
  lines.addEventListener("pointermove", show);
  lines.addEventListener("pointerdown", show);
  lines.addEventListener("pointerleave", () => {
    at.textContent = "";
    for (const chart of charts) {
      chart.cursor.style.display = "none";
      for (const output of chart.outputs) output.textContent = "";
    }
  });
}
