"use strict";
// Comforts; the page is complete without them: words beside a mark of a chart, folds open on paper, lists that are
// filtered and whose ids are copied.
const tip = document.createElement("p");
tip.className = "beside";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);
document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest("svg [data-say]");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.dataset.say;
  const box = mark.getBoundingClientRect();
  const left = Math.min(box.left + box.width / 2 + 10, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left) + window.scrollX}px`;
  tip.style.top = `${Math.max(4, box.top - tip.offsetHeight - 8) + window.scrollY}px`;
});
window.addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});
for (const list of document.querySelectorAll("details.list")) {
  const rows = [...list.querySelectorAll("tbody tr")];
  const words = document.createElement("input");
  const button = document.createElement("button");
  const said = document.createElement("output");
  const ids = document.createElement("textarea");
  const tools = document.createElement("p");
  const shown = () => rows.filter((row) => !row.hidden);
  const named = () => {
    const n = shown().length;
    button.textContent = n === 1 ? "Copy 1 id" : `Copy ${n} ids`;
    button.disabled = !n;
    said.textContent = "";
    ids.hidden = true;
  };
  words.type = "search";
  words.placeholder = "Filter";
  words.setAttribute("aria-label", `Filter ${list.querySelector("summary").textContent}`);
  words.addEventListener("input", () => {
    const word = words.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(word);
    named();
  });
  button.type = "button";
  button.addEventListener("click", async () => {
    ids.value = shown().map((row) => row.dataset.id).join("\n");
    ids.hidden = false;
    ids.select();
    try {
      await navigator.clipboard.writeText(ids.value);
      ids.hidden = true;
      said.textContent = "Copied.";
    } catch {
      said.textContent = document.execCommand("copy") ? "Copied." : "Copy them from here:";
      ids.hidden = said.textContent === "Copied.";
    }
  });
  ids.readOnly = true;
  ids.setAttribute("aria-label", "Ids");
  tools.className = "tools";
  tools.append(words, button, said, ids);
  list.querySelector(".scroll").before(tools);
  named();
}
