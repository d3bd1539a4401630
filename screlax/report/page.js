// Puts the pieces of the page to work: read-outs, sliders, tables, and sentences that Escape hides.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  for (const [place, given] of Object.entries(data)) {
    const at = document.getElementById(place), readout = readoutOf(place);
    const say = (text) => (readout.textContent = text);
    if (given.points) readPoints(at, given.points, say);
    if (given.entries) readMap(at, given, say);
    if (given.said) pathSlider(at, given.said);
  }
  for (const section of document.querySelectorAll(".class-table")) {
    classTable(section, data[section.dataset.of]);
  }

  function pathSlider(slider, said) {
    const path = slider.closest(".path"), output = path.querySelector("output");
    slider.addEventListener("input", () => {
      output.textContent = said[slider.value];
      slider.setAttribute("aria-valuetext", said[slider.value]);
      for (const frame of path.querySelectorAll("[data-frame]")) {
        if (frame.dataset.frame === slider.value) frame.removeAttribute("display");
        else frame.setAttribute("display", "none");
      }
    });
  }

  // sentences come up over everything, within the window
  function place(term) {
    const tip = term.querySelector("[role=tooltip]"), box = term.getBoundingClientRect();
    tip.style.position = "fixed";
    const below = box.bottom + tip.offsetHeight + 8 < innerHeight;
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${below ? box.bottom : box.top - tip.offsetHeight}px`;
  }
  for (const term of document.querySelectorAll(".term")) {
    for (const kind of ["pointerenter", "focusin"]) term.addEventListener(kind, () => place(term));
  }
  document.addEventListener("scroll", () => {
    document.querySelectorAll(".term:hover, .term:focus-within").forEach(place);
  }, { capture: true, passive: true });

  // a sentence that comes up can be sent away without moving pointer or focus
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const term of document.querySelectorAll(".term:hover, .term:focus-within")) {
      term.classList.add("dismissed");
      const back = () => term.classList.remove("dismissed");
      term.addEventListener("pointerleave", back, { once: true });
      term.addEventListener("focusout", back, { once: true });
    }
  });
  document.body.dataset.ready = "true";
})();
