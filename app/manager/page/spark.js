// A small line, and a larger one with its scale.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// `points`: times and values; `from`, `to`: what the width stands for; `top`: the height.
export function line(points, { from, to, top, width, height, label, gap }) {
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" });
  const place = ([at, value]) => {
    const x = width * Math.min(1, Math.max(0, (at - from) / (to - from)));
    const y = height - 1 - (height - 2) * (top > 0 ? value / top : 0);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  };
  // Where nothing was sampled for long, nothing is drawn.
  let piece = [];
  const draw = () => {
    if (piece.length > 1) svg.append(element("polyline", { points: piece.map(place).join(" ") }));
    if (piece.length === 1) {
      const [x, y] = place(piece[0]).split(",");
      svg.append(element("circle", { cx: x, cy: y, r: 1.5 }));
    }
    piece = [];
  };
  for (const point of points) {
    if (piece.length && point[0] - piece[piece.length - 1][0] > gap) draw();
    piece.push(point);
  }
  draw();
  return svg;
}
