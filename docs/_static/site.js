// The sidebar's arrows have no text: what they open is the entry beside them.
document.addEventListener("DOMContentLoaded", () => {
  for (const arrow of document.querySelectorAll("li.has-children > details > summary")) {
    const entry = arrow.closest("li").querySelector("a");
    arrow.setAttribute("aria-label", `Pages below ${entry ? entry.textContent.trim() : "this entry"}`);
  }
});
