"use strict";
// Two comforts; the page is complete without them: words beside a mark of a chart, folds open on paper.
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
