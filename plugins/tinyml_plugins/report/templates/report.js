"use strict";
// One tab stop for each chart; arrow keys walk through its marks, and the one under attention is told below the chart.
for (const chart of document.querySelectorAll("[data-chart]")) {
  const frame = chart.closest(".frame"); // an <svg> that listens for focus would become a tab stop of its own
  const readout = frame.querySelector(".readout");
  const rest = readout.textContent;
  const marks = [...chart.querySelectorAll(".mark")];
  const tell = (mark) => {
    readout.textContent = mark ? mark.getAttribute("aria-label") : rest;
    readout.classList.toggle("on", Boolean(mark));
  };
  marks.forEach((mark, index) => mark.setAttribute("tabindex", index ? "-1" : "0"));
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  chart.addEventListener("keydown", (event) => {
    const at = marks.indexOf(event.target.closest(".mark"));
    const to = event.key === "Home" ? 0 : event.key === "End" ? marks.length - 1 : at + (step[event.key] || 0);
    if (at < 0 || to === at || !marks[to]) return;
    event.preventDefault();
    marks[at].setAttribute("tabindex", "-1");
    marks[to].setAttribute("tabindex", "0");
    marks[to].focus();
  });
  frame.addEventListener("focusin", (event) => tell(event.target.closest(".mark")));
  frame.addEventListener("focusout", () => tell(null));
  chart.addEventListener("pointerover", (event) => tell(event.target.closest(".mark")));
  chart.addEventListener("pointerleave", () => tell(null));
}
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const body = head.closest("table").tBodies[0];
    const descending = head.getAttribute("aria-sort") !== "descending" && !head.hasAttribute("data-up");
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const value = (row) => Number(row.cells[head.cellIndex].dataset.value);
    const known = (row) => row.cells[head.cellIndex].dataset.value !== "";
    const rows = [...body.rows].sort((a, b) =>
      known(b) - known(a) || (descending ? value(b) - value(a) : value(a) - value(b)));
    body.append(...rows);
  });
}
