// What pointer and arrow keys read off a chart, and the pointer off a heat map; all have a table beside.
function readoutOf(place) {
  return document.querySelector(`.readout[data-of="${CSS.escape(place)}"]`);
}

function inDrawing(svg, event) {
  const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
  return [
    ((event.clientX - box.left) / box.width) * view.width,
    ((event.clientY - box.top) / box.height) * view.height,
  ];
}

function markOn(svg) {
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "path");
  mark.setAttribute("class", "mark");
  svg.append(mark);
  return mark;
}

function readPoints(svg, points, say) {
  const mark = markOn(svg), { height } = svg.viewBox.baseVal;
  const inOrder = [...points].sort((one, other) => one[0] - other[0] || other[1] - one[1]);
  let place = -1;
  const read = ([at, up, said]) => {
    say(said);
    mark.setAttribute("d", up === null ? `M${at} 28V${height - 46}` : `M${at - 6} ${up}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0`);
  };
  svg.addEventListener("pointermove", (event) => {
    const [x, y] = inDrawing(svg, event);
    let least = Infinity;
    for (const [number, point] of inOrder.entries()) {
      const away = Math.hypot(point[0] - x, point[1] === null ? 0 : point[1] - y);
      if (away < least) [place, least] = [number, away];
    }
    read(inOrder[place]);
  });
  svg.tabIndex = 0;
  svg.addEventListener("keydown", (event) => {
    const last = inOrder.length - 1;
    const to = { ArrowLeft: Math.max(place - 1, 0), ArrowRight: Math.min(place + 1, last), Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    read(inOrder[(place = to)]);
  });
  for (const gone of ["pointerleave", "blur"]) svg.addEventListener(gone, () => mark.removeAttribute("d"));
}

function entriesOf(map) {
  const bytes = Uint8Array.from(atob(map.entries), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer), size = map.names.length;
  return (i, j) => {
    const [a, b] = map.symmetric && j < i ? [j, i] : [i, j];
    const place = map.symmetric ? a * size - (a * (a - 1)) / 2 + b - a : a * size + b;
    const entry = view.getInt16(2 * place, true);
    return entry === -32768 ? null : (entry / 32767) * map.limit;
  };
}

function readMap(svg, map, say) {
  const entry = entriesOf(map), size = map.names.length, [left, top, side] = map.box;
  const mark = markOn(svg), cell = side / size;
  svg.addEventListener("pointermove", (event) => {
    const [x, y] = inDrawing(svg, event);
    const [i, j] = [Math.floor((y - top) / cell), Math.floor((x - left) / cell)];
    if (i < 0 || j < 0 || i >= size || j >= size) return mark.removeAttribute("d");
    const value = entry(i, j);
    say(`${map.names[i]} and ${map.names[j]}: ${value === null ? "no number" : `${map.quantity} ${value.toPrecision(3)}`}`);
    mark.setAttribute("d", `M${left + j * cell} ${top + i * cell}h${cell}v${cell}h${-cell}z`);
  });
  svg.addEventListener("pointerleave", () => mark.removeAttribute("d"));
}
