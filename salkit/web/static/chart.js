// Curves over time, and the moment that is looked at: a slider for pointers and keys.

const SPACE = {left: 46, right: 12, top: 10, bottom: 24};

/** An element of HTML, or of SVG where `svg` says so, with attributes and children. */
export function make(tag, attributes = {}, ...children) {
  const svg = ['svg', 'g', 'path', 'rect', 'line', 'text', 'circle'].includes(tag);
  const element = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Round steps from 0 or `low` to `high`, about as many as `count`. */
function steps(low, high, count) {
  const rough = (high - low) / count || 1, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find(times => times * unit >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push(at);
  return found;
}

export class Chart {
  /** `choose(index, isPassing)` is called for the frame at the pointer, which may just pass, or that keys lead to. */
  constructor(element, choose) {
    Object.assign(this, {element, choose, times: [0], curves: [], index: 0, percent: true});
    new ResizeObserver(() => this.draw()).observe(element);
    const pointed = event => this.choose(this.indexAt(event.offsetX), !event.buttons);
    element.addEventListener('pointermove', pointed);
    element.addEventListener('pointerdown', pointed);
    element.addEventListener('keydown', event => this.press(event));
  }

  press(event) {
    const last = this.times.length - 1, page = Math.max(2, Math.round(last / 10));
    const to = {
      ArrowLeft: this.index - 1, ArrowDown: this.index - 1, ArrowRight: this.index + 1,
      ArrowUp: this.index + 1, PageDown: this.index - page, PageUp: this.index + page,
      Home: 0, End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.choose(Math.max(0, Math.min(last, to)));
  }

  /** Show curves: {name, color, dashed, values} over `times`, as shares or bits. */
  show(times, curves, percent) {
    Object.assign(this, {times, curves, percent});
    this.element.setAttribute('aria-valuemax', times.length);
    this.draw();
  }

  get end() { return Math.max(this.times.at(-1), 1e-3); }

  x(time) { return SPACE.left + time / this.end * (this.width - SPACE.left - SPACE.right); }

  indexAt(x) {
    const time = (x - SPACE.left) / (this.width - SPACE.left - SPACE.right) * this.end;
    const after = this.times.findIndex(at => at >= time);
    if (after <= 0) return after < 0 ? this.times.length - 1 : 0;
    return time - this.times[after - 1] < this.times[after] - time ? after - 1 : after;
  }

  draw() {
    this.width = this.element.clientWidth;
    if (!this.width) return;
    const height = this.element.clientHeight, bottom = height - SPACE.bottom;
    const values = this.curves.flatMap(curve => curve.values).filter(value => value !== null);
    let low = 0, high = Math.max(0.05, ...values);
    // With a margin, so that a hair's breadth does not look like a mountain.
    if (!this.percent) [low, high] = [Math.min(...values) - 0.25, Math.max(...values) + 0.25];
    if (!values.length) [low, high] = [0, 1];
    const marks = steps(low, high, 4);
    if (this.percent && marks.at(-1) < high) marks.push(high = 2 * marks.at(-1) - marks.at(-2));
    const y = value => bottom - (value - low) / (high - low) * (bottom - SPACE.top);
    const svg = make('svg', {width: this.width, height, 'aria-hidden': true});
    for (const value of marks) {
      const text = this.percent ? `${Math.round(value * 100)} %` : value.toFixed(1);
      svg.append(
        make('line', {class: 'grid', x1: SPACE.left, x2: this.width - SPACE.right, y1: y(value), y2: y(value)}),
        make('text', {x: SPACE.left - 8, y: y(value) + 4, 'text-anchor': 'end'}, text));
    }
    for (const time of steps(0, this.end, Math.min(8, this.width / 80))) {
      const text = `${+time.toFixed(2)} s`;
      svg.append(make('text', {x: this.x(time), y: height - 6, 'text-anchor': 'middle'}, text));
    }
    for (const curve of this.curves) {
      let path = '', drawn = false;
      curve.values.forEach((value, index) => {
        if (value !== null) {
          path += `${drawn ? 'L' : 'M'}${this.x(this.times[index]).toFixed(1)} ${y(value).toFixed(1)}`;
        }
        drawn = value !== null;
      });
      const line = make('path', {d: path || 'M0 0', class: curve.dashed ? 'curve dashed' : 'curve'});
      line.style.stroke = curve.color;
      svg.append(line);
    }
    this.cursor = make('line', {class: 'cursor', y1: SPACE.top, y2: bottom});
    svg.append(this.cursor);
    this.element.replaceChildren(svg);
    this.point(this.index);
  }

  /** Mark the frame that is looked at. */
  point(index) {
    this.index = index;
    const x = this.x(this.times[index] ?? 0);
    this.cursor?.setAttribute('x1', x);
    this.cursor?.setAttribute('x2', x);
  }
}
