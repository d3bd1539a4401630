// What the pointer reads off a chart or a heat map; keyboards have the table beside each.
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
  svg.addEventListener("pointermove", (event) => {
    const [x, y] = inDrawing(svg, event);
    let best = points[0], least = Infinity;
    for (const point of points) {
      const away = Math.hypot(point[0] - x, point[1] === null ? 0 : point[1] - y);
      if (away < least) [best, least] = [point, away];
    }
    say(best[2]);
    const [at, up] = best;
    mark.setAttribute("d", up === null ? `M${at} 28V${height - 46}` : `M${at - 6} ${up}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0`);
  });
  svg.addEventListener("pointerleave", () => mark.removeAttribute("d"));
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
